import type { Backend, BackendAddress, BackendState } from "../core/backend.ts";

export interface BackendOptions {
  readonly id: string;
  readonly url: string;
  readonly address: BackendAddress;
  readonly weight: number;
}

/** A backend with what the edge knows of it now. Whoever dials it reports here. */
export class LiveBackend implements Backend {
  readonly id: string;
  readonly url: string;
  readonly address: BackendAddress;
  readonly weight: number;
  state: BackendState = "up";
  connections = 0;
  load = 0;

  constructor(options: BackendOptions) {
    this.id = options.id;
    this.url = options.url;
    this.address = options.address;
    this.weight = options.weight;
  }

  /** One more is on its way to it. Returns how to take that back, which counts once. */
  take(): () => void {
    this.load++;
    let isTaken = true;
    return () => {
      if (isTaken) this.load--;
      isTaken = false;
    };
  }
}
