import { execFile, spawn, type ChildProcessByStdio } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { access, mkdir, readFile, rename } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { promisify } from "node:util";
import { whenDone } from "./when-done.ts";

const run = promisify(execFile);
const SOURCE = new URL("kafka-mock.c", import.meta.url);
const BROKERS = 3;

type MockProcess = ChildProcessByStdio<Writable, Readable, null>;

/** librdkafka's mock of a cluster: it speaks the Kafka protocol, and fails on command. */
export class KafkaCluster {
  /** `kafka://127.0.0.1:port,…` */
  readonly url: string;
  readonly #child: MockProcess;
  readonly #lines: Interface;
  #last: Promise<unknown> = Promise.resolve();

  constructor(child: MockProcess, lines: Interface, bootstrap: string) {
    this.#child = child;
    this.#lines = lines;
    this.url = `kafka://${bootstrap}`;
    whenDone(() => this.kill());
  }

  /** @param broker from 1 */
  down(broker: number): Promise<void> {
    return this.#command(`down ${broker}`);
  }

  up(broker: number): Promise<void> {
    return this.#command(`up ${broker}`);
  }

  /** Each answer of a broker is late by so much. */
  rtt(broker: number, ms: number): Promise<void> {
    return this.#command(`rtt ${broker} ${ms}`);
  }

  leader(topic: string, partition: number, broker: number): Promise<void> {
    return this.#command(`leader ${topic} ${partition} ${broker}`);
  }

  createTopic(name: string, partitions: number): Promise<void> {
    return this.#command(`topic ${name} ${partitions} 1`);
  }

  /** The next requests of a kind are answered with these errors. */
  errors(apiKey: number, ...codes: readonly number[]): Promise<void> {
    return this.#command(`errors ${apiKey} ${codes.join(" ")}`);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }

  /** One after the other: answers carry no names. */
  #command(line: string): Promise<void> {
    const answered = this.#last.then(async () => {
      const next = once(this.#lines, "line") as Promise<[string]>;
      this.#child.stdin.write(`${line}\n`);
      const [answer] = await next;
      if (answer !== "ok") throw new Error(`${line}: ${answer}`);
    });
    this.#last = answered.catch(() => undefined);
    return answered;
  }
}

export async function startKafka(): Promise<KafkaCluster> {
  const child = spawn(await compiled(), [String(BROKERS)], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(child.stdout);
  const [bootstrap] = (await once(lines, "line")) as [string];
  return new KafkaCluster(child, lines, bootstrap);
}

/** Compiled once for each version of the source, whoever of several processes comes first. */
async function compiled(): Promise<string> {
  const source = await readFile(SOURCE);
  const directory = join(tmpdir(), "ringway-test");
  const program = join(directory, `kafka-mock-${createHash("md5").update(source).digest("hex")}`);
  const exists = await access(program).then(
    () => true,
    () => false,
  );
  if (exists) return program;
  await mkdir(directory, { recursive: true });
  const unfinished = `${program}.${randomUUID()}`;
  await run("gcc", ["-O1", "-o", unfinished, SOURCE.pathname, "-lrdkafka"]);
  await rename(unfinished, program);
  return program;
}
