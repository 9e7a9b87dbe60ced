import { NONE } from "./sessions.js";

/** What happens, second by second, and where the sessions are. */
export class Record {
  /** Open sessions of each backend, over all edges. */
  load;
  open = 0;
  moved = 0;
  /** Of these, those whose backend was there and took sessions. */
  movedInVain = 0;
  handshakes = 0;
  refusals = 0;
  timeouts = 0;
  seconds = [];
  #ofSecond;
  #handshakesBefore = 0;

  constructor(backends) {
    this.load = new Int32Array(backends);
    this.#ofSecond = new Int32Array(backends);
  }

  sent(backend) {
    this.handshakes++;
    this.#ofSecond[backend]++;
  }

  opened({ backend, last, lastServes }) {
    this.open++;
    this.load[backend]++;
    if (last === NONE || last === backend) return;
    this.moved++;
    if (lastServes) this.movedInVain++;
  }

  closed(backend) {
    this.open--;
    this.load[backend]--;
  }

  /** @param living backends that exist now, over which an even load would be spread */
  endSecond(sessions, living) {
    this.seconds.push({
      open: this.open,
      handshakes: this.handshakes - this.#handshakesBefore,
      mostHandshakes: this.#ofSecond.reduce((most, count) => Math.max(most, count), 0),
      peak: (this.fullest() * living) / sessions,
    });
    this.#handshakesBefore = this.handshakes;
    this.#ofSecond.fill(0);
  }

  fullest() {
    return this.load.reduce((most, count) => Math.max(most, count), 0);
  }
}
