import type { BackendOptions } from "../upstream/backend.ts";

export interface DiscoveredBackend extends BackendOptions {
  /** It has announced that it is to be emptied. */
  readonly draining: boolean;
}

/** Who is told what a source finds. */
export interface DiscoverySink {
  /** @param backends all that the source knows now, also when that is what it knew before */
  found(backends: readonly DiscoveredBackend[]): void;
  /** It can't tell now; what it said last stands. */
  failed(cause: string): void;
}

/** Finds the backends of one pool, again and again. Whoever has made it closes it. */
export interface DiscoverySource extends AsyncDisposable {
  readonly name: string;
  start(sink: DiscoverySink): void;
}
