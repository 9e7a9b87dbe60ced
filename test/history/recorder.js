/**
 * Tells the parent what this process sees, in batches of one turn. What it has been told survives the
 * end of this process: a batch is in the kernel's buffer when its promise resolves.
 */
export class Recorder {
  #batch = [];
  #written;

  constructor() {
    // A parent that has gone has no use for us.
    process.once("disconnect", () => process.exit(0));
  }

  /** @returns resolves when the event can't be lost any more */
  record(event) {
    this.#batch.push(event);
    this.#written ??= new Promise((resolve) => {
      setImmediate(() => {
        const events = this.#batch;
        this.#batch = [];
        this.#written = undefined;
        process.send({ events }, () => resolve());
      });
    });
    return this.#written;
  }

  /** Answers a command of the parent, behind all events before it. */
  async answer(command, value) {
    await this.#written;
    process.send({ answer: { serial: command.serial, value } });
  }
}
