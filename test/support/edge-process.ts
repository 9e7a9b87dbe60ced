import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { EdgeConfigInput } from "../../src/config/schema.ts";

export interface Measurement {
  /** Resident bytes of the process. */
  readonly rss: number;
  /** Bytes in use on V8's heap and outside it, after a collection. */
  readonly used: number;
  /** Open handles by kind, as Node.js names them. */
  readonly resources: readonly string[];
}

export interface EdgeProcess {
  readonly ws: string;
  readonly port: number;
  readonly admin: string;
  readonly child: ChildProcess;
  measure(): Promise<Measurement>;
}

/** The built edge in a process of its own. */
export async function startEdgeProcess(config: EdgeConfigInput): Promise<EdgeProcess> {
  const script = fileURLToPath(new URL("edge-child.js", import.meta.url));
  const child = fork(script, [JSON.stringify(config)], { execArgv: ["--expose-gc"] });
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.send("close");
    await exited;
  });
  const [ready] = (await once(child, "message")) as [{ address: string; admin: string }];
  return {
    ws: `ws://${ready.address}`,
    port: Number(ready.address.split(":").at(-1)),
    admin: `http://${ready.admin}`,
    child,
    async measure() {
      child.send("measure");
      const [measurement] = (await once(child, "message")) as [Measurement];
      return measurement;
    },
  };
}
