import type { Socket } from "node:net";
import type { Clock, Timer } from "../core/clock.ts";
import type { FaultCode } from "../core/fault.ts";
import type { OpenTunnel, Side, Traffic, TunnelResult } from "./open-tunnel.ts";

/** How long a peer may take to end its connection after the other one has; then it is destroyed. */
const CLOSE_GRACE_MS = 5_000;

export interface TcpTunnelOptions {
  /** Both have an error handler, and belong to the tunnel from here on. */
  readonly client: Socket;
  readonly backend: Socket;
  readonly idleMs: number;
  /** Until the system asks a silent peer whether it is there; Infinity: it does not. */
  readonly keepaliveMs: number;
  readonly clock: Clock;
  /** Called once, when both sockets are closed. */
  readonly onEnd: (result: TunnelResult) => void;
}

/** Bytes between a client and a backend, of whatever protocol, until both sockets are closed. */
export class TcpTunnel implements OpenTunnel {
  readonly fromClient: TcpFlow;
  readonly fromBackend: TcpFlow;
  readonly idleMs: number;

  readonly #options: TcpTunnelOptions;
  readonly #startMs: number;
  #ending: Pick<TunnelResult, "closedBy" | "fault"> | undefined;
  #grace: Timer | undefined;
  #openSockets = 2;

  constructor(options: TcpTunnelOptions) {
    const { client, backend, clock } = options;
    this.#options = options;
    this.#startMs = clock.nowMs();
    this.idleMs = options.idleMs;
    this.fromClient = new TcpFlow("client", client, backend);
    this.fromBackend = new TcpFlow("backend", backend, client);
    for (const flow of [this.fromClient, this.fromBackend]) {
      this.#attach(flow);
      flow.source.setKeepAlive(options.keepaliveMs < Infinity, options.keepaliveMs);
    }
    this.fromClient.start();
    this.fromBackend.start();
  }

  get isEnding(): boolean {
    return this.#grace !== undefined;
  }

  /** There is no frame boundary to wait for: both sides get an end after what was sent already. */
  close(fault: FaultCode): void {
    this.#ending ??= { closedBy: "edge", fault };
    this.fromClient.endSink();
    this.fromBackend.endSink();
    this.#startGrace();
  }

  /** The system does it: a protocol that the edge does not know has no ping. */
  keepAlive(): void {
    // See above.
  }

  destroy(): void {
    this.fromClient.source.destroy();
    this.fromBackend.source.destroy();
  }

  #attach(flow: TcpFlow): void {
    const opposite = flow === this.fromClient ? this.fromBackend : this.fromClient;
    flow.source
      .on("end", () => {
        this.#endAs(flow.side);
        flow.endSink();
        // A client may still listen after its own end, and a backend may still read after its own.
        if (flow.sink.readableEnded) this.#startGrace();
      })
      .on("close", () => this.#closed(flow, opposite));
    // A socket that was lost while the other end was dialled has had its events.
    if (flow.source.closed) this.#closed(flow, opposite);
  }

  #closed(flow: TcpFlow, opposite: TcpFlow): void {
    this.#endAs(flow.side);
    flow.endSink();
    opposite.drop();
    this.#startGrace();
    if (--this.#openSockets === 0) this.#finish();
  }

  #endAs(side: Side): void {
    this.#ending ??= { closedBy: side, fault: undefined };
  }

  #startGrace(): void {
    this.#grace ??= this.#options.clock.after(CLOSE_GRACE_MS, () => this.destroy());
  }

  #finish(): void {
    this.#grace?.cancel();
    const { clock, onEnd } = this.#options;
    onEnd({
      closedBy: "edge",
      fault: undefined,
      ...this.#ending,
      closeCode: undefined,
      durationMs: clock.nowMs() - this.#startMs,
      fromClient: this.fromClient.traffic,
      fromBackend: this.fromBackend.traffic,
    });
  }
}

/** One direction: when the sink is full, the source is not read. */
class TcpFlow {
  readonly side: Side;
  readonly source: Socket;
  readonly sink: Socket;
  /** Something was read since the flag was last cleared. */
  active = true;
  #bytes = 0;
  #dropped = false;

  constructor(side: Side, source: Socket, sink: Socket) {
    this.side = side;
    this.source = source;
    this.sink = sink;
  }

  get traffic(): Traffic {
    return { bytes: this.#bytes, messages: 0, frames: 0 };
  }

  start(): void {
    this.sink.on("drain", () => this.source.resume());
    this.source
      .on("data", (chunk: Buffer) => {
        this.active = true;
        if (this.#dropped || !this.sink.writable) return;
        this.#bytes += chunk.length;
        if (!this.sink.write(chunk)) this.source.pause();
      })
      .resume();
  }

  endSink(): void {
    if (this.sink.writable) this.sink.end();
  }

  /** The sink is gone: reads on, so that the source's own end is seen. */
  drop(): void {
    this.#dropped = true;
    this.source.resume();
  }
}
