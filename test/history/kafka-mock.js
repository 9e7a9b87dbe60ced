import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const SOURCE = new URL("../support/kafka-mock.c", import.meta.url).pathname;
const BROKERS = 3;

/** librdkafka's mock of a Kafka cluster: in memory, and so never killed. Its brokers can be stopped. */
export class KafkaMock {
  url;
  #child;
  #lines;
  #last = Promise.resolve();

  static async start(directory) {
    const program = join(directory, "kafka-mock");
    await promisify(execFile)("gcc", ["-O1", "-o", program, SOURCE, "-lrdkafka"]);
    const mock = new KafkaMock();
    mock.#child = spawn(program, [`${BROKERS}`], { stdio: ["pipe", "pipe", "ignore"] });
    mock.#lines = createInterface(mock.#child.stdout);
    const [bootstrap] = await once(mock.#lines, "line");
    mock.url = `kafka://${bootstrap}`;
    return mock;
  }

  /** @param broker from 0 */
  stop(broker) {
    return this.#command(`down ${broker + 1}`);
  }

  goOn(broker) {
    return this.#command(`up ${broker + 1}`);
  }

  createTopic(name, partitions) {
    return this.#command(`topic ${name} ${partitions} 1`);
  }

  async kill() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }

  /** One after the other: answers carry no names. */
  #command(line) {
    this.#last = this.#last.then(async () => {
      const answered = once(this.#lines, "line");
      this.#child.stdin.write(`${line}\n`);
      const [answer] = await answered;
      if (answer !== "ok") throw new Error(`${line}: ${answer}`);
    });
    return this.#last;
  }
}
