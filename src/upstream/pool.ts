import type { BackendSet } from "../core/backend.ts";
import { LiveBackend, type BackendOptions } from "./backend.ts";

/** The backends behind one name. */
export class Pool implements BackendSet {
  readonly name: string;
  #backends: readonly LiveBackend[] = [];
  #byId: ReadonlyMap<string, LiveBackend> = new Map();
  #generation = -1;

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

  byId(id: string): LiveBackend | undefined {
    return this.#byId.get(id);
  }

  /**
   * The membership from now on. Those that stay as they were keep their state and their tunnels'
   * count; tunnels to those that leave go on until they end.
   */
  replace(backends: readonly BackendOptions[]): void {
    const before = this.#byId;
    this.#backends = backends.map((options) => {
      const known = before.get(options.id);
      const stays = known?.url === options.url && known.weight === options.weight;
      return stays ? known : new LiveBackend(options);
    });
    this.#byId = new Map(this.#backends.map((backend) => [backend.id, backend]));
    this.#generation++;
  }
}
