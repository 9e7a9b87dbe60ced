import { setTimeout as pause } from "node:timers/promises";
import { publications } from "./population.js";
import { nowMs } from "./monotonic.js";

/** Says what the plan has for one publisher, and tells of each message before and after. */
export class Publisher {
  /** Messages that are neither confirmed nor given up. */
  pending = 0;
  #plan;
  #recorder;
  #publish;
  #isStopped = false;

  /**
   * @param publish `(channel name, data, { delivery, key }, seq, stream) => Promise`; it resolves when
   *   the message is confirmed, at once where the publisher should not wait for that
   */
  constructor({ plan, recorder, publish }) {
    this.#plan = plan;
    this.#recorder = recorder;
    this.#publish = publish;
  }

  stop() {
    this.#isStopped = true;
  }

  /**
   * @param lastNumbers of the streams, where a life before has ended
   * @param isPatient waits until a message is confirmed before the next
   */
  async run({ publisher, life, lastNumbers, isPatient }) {
    const { channels, streams } = this.#plan;
    const numbers = [...lastNumbers];
    for (const { afterMs, stream, bytes } of publications(this.#plan, publisher, life)) {
      await pause(afterMs);
      if (this.#isStopped) return;
      const { channel, delivery } = streams[stream];
      const seq = ++numbers[stream];
      this.pending++;
      await this.#recorder.record({ type: "started", stream, seq, at: nowMs() });
      const data = { stream, seq, text: "x".repeat(bytes) };
      const key = `${stream}-${seq}`;
      const options = delivery === "at-least-once" ? { delivery, key } : { delivery };
      const settled = this.#publish(channels[channel], data, options).then(
        () => this.#tell({ type: "confirmed", stream, seq, at: nowMs() }),
        ({ code = "unknown", message }) =>
          this.#tell({ type: "failed", stream, seq, code, message }),
      );
      if (isPatient) await settled;
    }
  }

  async #tell(event) {
    await this.#recorder.record(event);
    this.pending--;
  }
}
