/** Suspicions that are kept of one session and stream. */
const MAX_SUSPICIONS = 1_000;

/** The order in which the messages of a stream came to a session, each counted once. */
export class Order {
  /** Numbers that came behind a larger one. Whether that is wrong is known at the end. */
  suspicions = [];
  #largest = 0;
  #previous = 0;

  came(seq) {
    for (const larger of new Set([this.#largest, this.#previous])) {
      if (seq < larger && this.suspicions.length < MAX_SUSPICIONS) {
        this.suspicions.push({ seq, larger });
      }
    }
    this.#largest = Math.max(this.#largest, seq);
    this.#previous = seq;
  }

  /** What comes from now on is not compared with what came before. */
  beginAnew() {
    this.#largest = 0;
    this.#previous = 0;
  }
}
