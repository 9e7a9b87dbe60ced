import type { Logger } from "../core/logger.ts";
import type { BackendOptions, LiveBackend } from "../upstream/backend.ts";
import type { Pool } from "../upstream/pool.ts";
import type { DiscoveredBackend, DiscoverySource } from "./discovery-source.ts";

export interface MembersOptions {
  readonly pool: Pool;
  /** Of two backends with one id, the one of the earlier source counts. */
  readonly sources: readonly DiscoverySource[];
  readonly logger: Logger;
  /** A backend has announced that it is to be emptied, or is not any more. */
  readonly onDraining: (backend: LiveBackend, isDraining: boolean) => void;
}

export interface SourceStatus {
  readonly name: string;
  readonly isFailing: boolean;
  readonly backends: number;
}

interface Said {
  /** Undefined before its first answer. */
  backends: readonly DiscoveredBackend[] | undefined;
  isFailing: boolean;
  hasSpoken: boolean;
}

/** Makes a pool's membership of those that are named one by one and those that sources find. */
export class Members implements AsyncDisposable {
  readonly #options: MembersOptions;
  readonly #said = new Map<DiscoverySource, Said>();
  readonly #doubled = new Set<string>();
  /** Those that were drained before are told of again, if nobody announces it any more. */
  readonly #announced: Set<LiveBackend>;
  #static: readonly BackendOptions[] = [];
  #whenAllSpoke: (() => void) | undefined;
  /** Resolves when each source has answered or failed once. */
  readonly allSpoke: Promise<void>;

  constructor(options: MembersOptions) {
    this.#options = options;
    this.#announced = new Set(options.pool.backends.filter(({ isDraining }) => isDraining));
    this.allSpoke = new Promise((resolve) => (this.#whenAllSpoke = resolve));
    for (const source of options.sources) {
      this.#said.set(source, { backends: undefined, isFailing: false, hasSpoken: false });
    }
  }

  get sources(): SourceStatus[] {
    return [...this.#said].map(([{ name }, { isFailing, backends = [] }]) => ({
      name,
      isFailing,
      backends: backends.length,
    }));
  }

  /** @param named the backends that are named one by one */
  start(named: readonly BackendOptions[]): void {
    this.replaceStatic(named);
    if (this.#said.size === 0) this.#whenAllSpoke?.();
    for (const [source, said] of this.#said) {
      source.start({
        found: (backends) => this.#found(source, said, backends),
        failed: (cause) => this.#failed(source, said, cause),
      });
    }
  }

  replaceStatic(named: readonly BackendOptions[]): void {
    this.#static = named;
    this.#apply();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#said.keys()].map((source) => source[Symbol.asyncDispose]()));
  }

  #found(source: DiscoverySource, said: Said, backends: readonly DiscoveredBackend[]): void {
    const { logger, pool } = this.#options;
    if (said.isFailing) {
      logger.info("discovery works again", { pool: pool.name, source: source.name });
    }
    said.isFailing = false;
    said.backends = backends;
    this.#apply();
    this.#spoke(said);
  }

  #failed(source: DiscoverySource, said: Said, cause: string): void {
    const { logger, pool } = this.#options;
    if (!said.isFailing) {
      const fields = { pool: pool.name, source: source.name, cause };
      logger.warn("discovery fails, the last known backends stay", fields);
    }
    said.isFailing = true;
    this.#spoke(said);
  }

  #spoke(said: Said): void {
    said.hasSpoken = true;
    if ([...this.#said.values()].every(({ hasSpoken }) => hasSpoken)) this.#whenAllSpoke?.();
  }

  #apply(): void {
    const { pool } = this.#options;
    const members = new Map<string, BackendOptions>();
    const draining = new Set<string>();
    for (const backend of this.#static) members.set(backend.id, backend);
    for (const [source, { backends = [] }] of this.#said) {
      for (const backend of backends) {
        if (members.has(backend.id)) this.#complain(source, backend.id);
        else {
          members.set(backend.id, backend);
          if (backend.draining) draining.add(backend.id);
        }
      }
    }
    // What a source has found before this process or configuration, it may well find again.
    const isComplete = [...this.#said.values()].every(({ backends }) => backends !== undefined);
    if (!isComplete) {
      for (const known of pool.backends) if (!members.has(known.id)) members.set(known.id, known);
    }
    pool.replace([...members.values()]);
    if (isComplete) this.#tellDraining(draining);
  }

  #tellDraining(ids: ReadonlySet<string>): void {
    const { pool, onDraining } = this.#options;
    for (const backend of pool.backends) {
      const isDraining = ids.has(backend.id);
      if (isDraining === this.#announced.has(backend)) continue;
      if (isDraining) this.#announced.add(backend);
      else this.#announced.delete(backend);
      onDraining(backend, isDraining);
    }
  }

  #complain(source: DiscoverySource, id: string): void {
    const key = `${source.name} ${id}`;
    if (this.#doubled.has(key)) return;
    this.#doubled.add(key);
    const { logger, pool } = this.#options;
    logger.warn("a backend is found twice: the first counts", {
      pool: pool.name,
      backend: id,
      passedOver: source.name,
    });
  }
}
