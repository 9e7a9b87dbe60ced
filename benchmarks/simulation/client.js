import { FIRST_DELAY_MS, LAST_DELAY_MS } from "./model.js";

/** Past this many doublings the limit is the last one in any case. */
const MOST_DOUBLINGS = 10;

/** When a client connects again, as `ringway/client` does it: full jitter under a limit that doubles. */
export class Client {
  #sessions;
  #chance;
  #jitters;

  /** @param jitters false: it waits for the limit itself, as clients without jitter do */
  constructor(sessions, { chance, jitters }) {
    this.#sessions = sessions;
    this.#chance = chance;
    this.#jitters = jitters;
  }

  delayMs(session) {
    const doublings = Math.min(MOST_DOUBLINGS, this.#sessions.failures[session]);
    const limitMs = Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** doublings);
    return this.#jitters ? this.#chance.fraction() * limitMs : limitMs;
  }
}
