import { AggregatorRegistry, type Registry } from "prom-client";
import type { PoolStatus } from "../../admin/pool-status.ts";
import type { AdminSource } from "../../admin/server.ts";
import { mergeStatus } from "./merge-status.ts";
import type { Answers, Order } from "./messages.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** Backends that operators have drained, for workers that start later. */
export type Drained = Map<string, readonly [pool: string, backend: string]>;

export interface WorkersAdminOptions {
  /** Those that run now. */
  readonly workers: () => readonly WorkerProcess[];
  /** Of the supervisor itself. */
  readonly registry: Registry;
  readonly drained: Drained;
  readonly isClosing: () => boolean;
}

/** All workers as one edge. */
export class WorkersAdmin implements AdminSource {
  readonly contentType: string;
  readonly #options: WorkersAdminOptions;

  constructor(options: WorkersAdminOptions) {
    this.#options = options;
    this.contentType = options.registry.contentType;
  }

  async metrics(): Promise<string> {
    const all = await this.#ofAll({ do: "metrics" });
    const own = await this.#options.registry.getMetricsAsJSON();
    return AggregatorRegistry.aggregate([...all, own]).metrics();
  }

  isReady(): boolean {
    return !this.#options.isClosing() && this.#options.workers().length > 0;
  }

  async pools(): Promise<PoolStatus[]> {
    return mergeStatus(await this.#ofAll({ do: "status" }));
  }

  async drain(pool: string, backend: string): Promise<boolean> {
    const known = (await this.#ofAll({ do: "drain", pool, backend })).includes(true);
    if (known) this.#options.drained.set(keyOf(pool, backend), [pool, backend]);
    return known;
  }

  async undrain(pool: string, backend: string): Promise<boolean> {
    this.#options.drained.delete(keyOf(pool, backend));
    return (await this.#ofAll({ do: "undrain", pool, backend })).includes(true);
  }

  /** The answers of those that give one: a worker that ends meanwhile is told of elsewhere. */
  async #ofAll<O extends Order>(order: O): Promise<Answers[O["do"]][]> {
    const asked = this.#options.workers().map((worker) =>
      worker.ask(order).then(
        (answer) => [answer],
        () => [],
      ),
    );
    return (await Promise.all(asked)).flat();
  }
}

function keyOf(pool: string, backend: string): string {
  return `${pool} ${backend}`;
}
