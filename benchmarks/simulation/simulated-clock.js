/** A `Clock` that stands still until it is moved; timers lie in a binary heap by the time they are due. */
export class SimulatedClock {
  #nowMs = 0;
  #made = 0;
  #heap = [];

  nowMs() {
    return this.#nowMs;
  }

  dateMs() {
    return this.#nowMs;
  }

  after(delayMs, run) {
    return this.#add({ dueMs: this.#nowMs + delayMs, periodMs: undefined, run });
  }

  every(periodMs, run) {
    return this.#add({ dueMs: this.#nowMs + periodMs, periodMs, run });
  }

  soon(run) {
    this.#add({ dueMs: this.#nowMs, periodMs: undefined, run });
  }

  /** Runs what is due until then, in the order in which it is due. */
  moveTo(timeMs) {
    while (this.#heap.length > 0 && this.#heap[0].dueMs <= timeMs) {
      const entry = this.#take();
      if (entry.isCancelled) continue;
      this.#nowMs = entry.dueMs;
      entry.run();
      if (entry.periodMs === undefined || entry.isCancelled) continue;
      entry.dueMs += entry.periodMs;
      this.#put(entry);
    }
    this.#nowMs = timeMs;
  }

  #add(timer) {
    const entry = { ...timer, order: this.#made++, isCancelled: false };
    this.#put(entry);
    return { cancel: () => void (entry.isCancelled = true) };
  }

  #put(entry) {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent], entry)) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = entry;
  }

  #take() {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (isBefore(last, heap[child])) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one, other) {
  return one.dueMs === other.dueMs ? one.order < other.order : one.dueMs < other.dueMs;
}
