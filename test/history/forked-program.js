import { Program } from "./program.js";

/** A program of ours, which takes commands, answers them, and tells what it sees. */
export class ForkedProgram extends Program {
  #serial = 0;
  /** Commands that are not answered, by number. */
  #asked = new Map();

  /** @param options as for `Program`, with `file` and `settings`, which makes those of a life */
  constructor({ file, settings, onEvents, ...options }) {
    let isReady = false;
    super({
      ...options,
      command: process.execPath,
      args: (life) => {
        isReady = false;
        return [file, JSON.stringify(settings(life))];
      },
      isReady: () => Promise.resolve(isReady),
      onMessage: ({ ready = false, events, answer }) => {
        if (ready) isReady = true;
        if (events !== undefined) onEvents(events);
        if (answer !== undefined) this.#answered(answer);
      },
    });
  }

  async start() {
    const starting = super.start();
    this.child.once("exit", () => {
      for (const { reject } of this.#asked.values()) reject(new Error(`${this.name} has ended`));
      this.#asked.clear();
    });
    await starting;
  }

  /** @returns what the program answers; rejected when it ends before */
  ask(name, fields = {}) {
    return new Promise((resolve, reject) => {
      const serial = ++this.#serial;
      this.#asked.set(serial, { resolve, reject });
      this.child.send({ serial, name, ...fields }, (error) => {
        if (error === null) return;
        this.#asked.delete(serial);
        reject(error);
      });
    });
  }

  #answered({ serial, value }) {
    this.#asked.get(serial)?.resolve(value);
    this.#asked.delete(serial);
  }
}
