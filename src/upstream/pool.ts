import type { BackendSet } from "../core/backend.ts";
import { LiveBackend, type BackendOptions } from "./backend.ts";

/** The backends behind one name. */
export class Pool implements BackendSet {
  readonly name: string;
  readonly backends: readonly LiveBackend[];
  readonly generation = 0;
  readonly #byId: ReadonlyMap<string, LiveBackend>;

  constructor(name: string, backends: readonly BackendOptions[]) {
    this.name = name;
    this.backends = backends.map((options) => new LiveBackend(options));
    this.#byId = new Map(this.backends.map((backend) => [backend.id, backend]));
  }

  byId(id: string): LiveBackend | undefined {
    return this.#byId.get(id);
  }
}
