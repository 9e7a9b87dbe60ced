export type Listener<E> = (event: E) => unknown;

/** Listeners by the name of what they listen to. `M` maps names to events. */
export class Events<M extends object> {
  /** A listener that was added twice is called twice, and taken away once: hence the wrapping. */
  readonly #listeners = new Map<keyof M, Set<{ readonly call: Listener<never> }>>();

  /** @returns takes the listener away again */
  on<K extends keyof M>(name: K, call: Listener<M[K]>): () => void {
    const entry = { call };
    const entries = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, entries.add(entry));
    return () => void entries.delete(entry);
  }

  count(name: keyof M): number {
    return this.#listeners.get(name)?.size ?? 0;
  }

  /** Those that listen now. */
  of<K extends keyof M>(name: K): Listener<M[K]>[] {
    return [...(this.#listeners.get(name) ?? [])].map(({ call }) => call as Listener<M[K]>);
  }

  emit<K extends keyof M>(name: K, event: M[K]): void {
    for (const call of this.of(name)) {
      try {
        call(event);
      } catch (error) {
        throwLater(error);
      }
    }
  }
}

/** As with any listener that throws: the others are called, and the platform reports it. */
export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
