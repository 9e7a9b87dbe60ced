import type { BackendSet } from "../core/backend.ts";
import { LiveBackend, type BackendOptions } from "./backend.ts";

/** What a new membership has changed. */
export interface PoolChange {
  readonly joined: readonly LiveBackend[];
  readonly left: readonly LiveBackend[];
}

/** The backends behind one name. */
export class Pool implements BackendSet {
  readonly name: string;
  #backends: readonly LiveBackend[] = [];
  #byId: ReadonlyMap<string, LiveBackend> = new Map();
  #generation = -1;
  readonly #listeners = new Set<(change: PoolChange) => void>();
  /** Those that left with tunnels open. One that comes back is the same backend again. */
  readonly #leaving = new Set<LiveBackend>();

  constructor(name: string, backends: readonly BackendOptions[]) {
    this.name = name;
    this.replace(backends);
  }

  get backends(): readonly LiveBackend[] {
    return this.#backends;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Not members any more, but with tunnels that are still open. */
  get leaving(): readonly LiveBackend[] {
    for (const backend of this.#leaving) {
      if (backend.load === 0) this.#leaving.delete(backend);
    }
    return [...this.#leaving];
  }

  byId(id: string): LiveBackend | undefined {
    return this.#byId.get(id);
  }

  /** @returns how to stop listening */
  onChange(listener: (change: PoolChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * The membership from now on. A backend is known again by its id and URL: it keeps its state and
   * its tunnels.
   */
  replace(backends: readonly BackendOptions[]): void {
    const before = new Set(this.#backends);
    const leaving = this.leaving;
    let changed = backends.length !== before.size;
    const joined: LiveBackend[] = [];
    this.#backends = backends.map((options, place) => {
      const member = this.#byId.get(options.id);
      const isMember = member?.url === options.url;
      const known = isMember
        ? member
        : leaving.find(({ id, url }) => id === options.id && url === options.url);
      const backend = known ?? new LiveBackend(options);
      changed ||= backend.weight !== options.weight || backend !== this.#backends[place];
      backend.weight = options.weight;
      this.#leaving.delete(backend);
      before.delete(backend);
      if (!isMember) joined.push(backend);
      return backend;
    });
    this.#byId = new Map(this.#backends.map((backend) => [backend.id, backend]));
    for (const backend of before) this.#leaving.add(backend);
    if (changed) this.#generation++;
    if (joined.length === 0 && before.size === 0) return;
    for (const listener of this.#listeners) listener({ joined, left: [...before] });
  }
}
