import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const BACKEND = fileURLToPath(new URL("backend.js", import.meta.url));
const EDGE = fileURLToPath(new URL("edge.js", import.meta.url));

/**
 * A backend and an edge before it, each in a process of its own.
 *
 * @param tls whether the edge terminates TLS, with a P-256 certificate
 * @param redis URL of the store; absent: sessions in memory. @param ttl of a session
 */
export async function startBoth({ tls, redis, ttl = "1h" }) {
  const backend = fork(BACKEND);
  const [port] = await once(backend, "message");
  const directory = mkdtempSync(join(tmpdir(), "ringway-benchmark-"));
  const listener = { address: "127.0.0.1:0" };
  if (tls) listener.tls = { certificates: [makeCertificate(directory)] };
  const config = {
    listeners: [listener],
    routes: [{ pool: "p" }],
    pools: {
      p: {
        affinity: [{ token: { query: "session" } }],
        backends: [{ id: "b", url: `http://127.0.0.1:${port}` }],
      },
    },
    secret: "only for measuring, 32 characters",
    ...(redis === undefined ? {} : { sessions: { store: "redis", url: redis, ttl } }),
  };
  const edge = fork(EDGE, [JSON.stringify(config)], { execArgv: ["--expose-gc"] });
  const [address] = await once(edge, "message");
  return {
    port: Number(address.split(":").at(-1)),
    async ask(question) {
      edge.send(question);
      const [answer] = await once(edge, "message");
      return answer;
    },
    async stop() {
      for (const child of [edge, backend]) {
        const exited = once(child, "exit");
        child.kill("SIGKILL");
        await exited;
      }
      rmSync(directory, { recursive: true });
    },
  };
}

function makeCertificate(directory) {
  const [cert, key] = [join(directory, "site.crt"), join(directory, "site.key")];
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
    ],
    { stdio: "ignore" },
  );
  return { cert, key };
}
