import type { Socket } from "node:net";
import type { Clock, Timer } from "../core/clock.ts";
import { faults, type FaultCode } from "../core/fault.ts";
import type { Random } from "../core/random.ts";
import { closeFrame } from "../wire/close-frame.ts";
import { pingFrame } from "../wire/ping-frame.ts";
import type { ReservedBits } from "../wire/frame-scanner.ts";
import { Flow, type FlowObserver } from "./flow.ts";
import { PeerWatch } from "./peer-watch.ts";
import type { OpenTunnel, Side, TunnelResult } from "./open-tunnel.ts";

/** Frames up to this size, nearly all there are, pass whole or not at all: see `Flow`. */
const WHOLE_FRAME_BYTES = 16 * 1024;
/** How long a peer may take to end its connection after a Close; then it is destroyed. */
const CLOSE_GRACE_MS = 5_000;
/** "No status code was present" and "closed without a Close" (RFC 6455 §7.4.1). */
const NO_STATUS = 1005;
const ABNORMAL = 1006;

export interface TunnelOptions {
  /** Both have an error handler, and belong to the tunnel from here on. */
  readonly client: Socket;
  readonly backend: Socket;
  readonly reserved: ReservedBits;
  readonly maxMessageBytes: number;
  readonly idleMs: number;
  /** Between the edge's pings to a silent side; Infinity for none. */
  readonly keepaliveMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Called once, when both sockets are closed. */
  readonly onEnd: (result: TunnelResult) => void;
}

type Ending = Pick<TunnelResult, "closedBy" | "closeCode" | "fault">;

/** A WebSocket between a client and a backend, from the 101 until both sockets are closed. */
export class Tunnel implements FlowObserver, OpenTunnel {
  readonly fromClient: Flow;
  readonly fromBackend: Flow;
  readonly idleMs: number;

  readonly #options: TunnelOptions;
  readonly #startMs: number;
  #ending: Ending | undefined;
  #grace: Timer | undefined;
  readonly #clientWatch: PeerWatch | undefined;
  readonly #backendWatch: PeerWatch | undefined;
  #openSockets = 2;

  constructor(options: TunnelOptions) {
    const { client, backend, reserved, maxMessageBytes } = options;
    const rules = { reserved, maxMessageBytes, wholeFrameBytes: WHOLE_FRAME_BYTES };
    this.#options = options;
    this.#startMs = options.clock.nowMs();
    this.idleMs = options.idleMs;
    this.fromClient = new Flow(
      { side: "client", source: client, sink: backend },
      { ...rules, masked: true },
      this,
    );
    this.fromBackend = new Flow(
      { side: "backend", source: backend, sink: client },
      { ...rules, masked: false },
      this,
    );
    this.#clientWatch = this.#watch(this.fromClient, this.fromBackend);
    this.#backendWatch = this.#watch(this.fromBackend, this.fromClient);
  }

  #watch(incoming: Flow, outgoing: Flow): PeerWatch | undefined {
    const { keepaliveMs, random } = this.#options;
    if (keepaliveMs === Infinity) return undefined;
    incoming.source.setKeepAlive(true, keepaliveMs);
    const ping = (): Buffer => pingFrame(incoming.side === "client" ? undefined : random.bytes(4));
    return new PeerWatch({ incoming, outgoing, keepaliveMs, ping, nowMs: this.#startMs });
  }

  get isEnding(): boolean {
    return this.#grace !== undefined;
  }

  /** @param early what each side has sent behind its handshake */
  start(early: { readonly fromClient: Buffer; readonly fromBackend: Buffer }): void {
    this.#attach(this.fromClient, early.fromClient);
    this.#attach(this.fromBackend, early.fromBackend);
  }

  /**
   * Ends the tunnel from the edge: both sides get a Close at their next frame boundary. One that is
   * ending already, but waits for a peer, is given the same time to finish.
   *
   * @param code in place of the fault's own close code
   */
  close(fault: FaultCode, code: number = faults[fault].closeCode): void {
    if (this.#ending !== undefined) {
      this.#startGrace();
      return;
    }
    this.#endAs({ closedBy: "edge", closeCode: code, fault });
    this.#sendCloses({ client: code, backend: code, reason: faults[fault].message });
  }

  keepAlive(nowMs: number): void {
    if (this.isEnding || this.#ending !== undefined) return;
    if (this.#clientWatch?.check(nowMs) === true) this.#clientVanished();
    else if (this.#backendWatch?.check(nowMs) === true) this.fromBackend.source.destroy();
  }

  destroy(): void {
    this.fromClient.source.destroy();
    this.fromBackend.source.destroy();
  }

  flowStopped(flow: Flow): void {
    const { fault, closeCode } = flow.scanner;
    if (fault !== undefined) {
      this.#refuse(flow, fault);
    } else if (closeCode !== undefined) {
      this.#endAs({ closedBy: flow.side, closeCode, fault: undefined });
      const back = this.#opposite(flow);
      // This answers a Close of the edge's own: only TCP is left to end.
      if (back.muted) flow.source.end();
      if (back.scanner.closeCode !== undefined) this.#startGrace();
    }
  }

  #attach(flow: Flow, early: Buffer): void {
    const { source } = flow;
    if (early.length > 0) source.unshift(early);
    source
      .on("data", (chunk: Buffer) => flow.receive(chunk))
      .on("drain", () => this.#opposite(flow).sinkDrained())
      .on("end", () => this.#sourceEnded(flow))
      .on("close", () => this.#sourceClosed(flow))
      .resume();
    // A socket that was lost while the other end was dialled has had its events.
    if (source.closed) this.#sourceClosed(flow);
  }

  #sourceEnded(flow: Flow): void {
    const { closeCode, fault } = flow.scanner;
    const lost = closeCode === undefined && fault === undefined;
    if (lost && flow.side === "backend") this.#backendLost(flow);
    else if (lost) this.#endAs({ closedBy: "client", closeCode: ABNORMAL, fault: undefined });
    flow.endSink();
    // A client may still listen after its own end; a client whose backend is gone waits for nothing.
    if (flow.side === "backend" || flow.sink.readableEnded) this.#startGrace();
  }

  #backendLost(flow: Flow): void {
    const asked = this.fromClient.scanner.closeCode;
    if (asked !== undefined) {
      // The backend took the client's Close as its cue to hang up: answer in its place.
      flow.closeSink(closeFrame(asked === NO_STATUS ? 1000 : asked, "", undefined));
      return;
    }
    const { closeCode, message } = faults.backend_lost;
    this.#endAs({ closedBy: "backend", closeCode: ABNORMAL, fault: "backend_lost" });
    if (!flow.scanner.midFrame) flow.closeSink(closeFrame(closeCode, message, undefined));
  }

  #sourceClosed(flow: Flow): void {
    if (!flow.source.readableEnded) this.#sourceEnded(flow);
    // Nobody reads what the other side may still send.
    this.#opposite(flow).mute();
    this.#startGrace();
    if (--this.#openSockets === 0) this.#finish();
  }

  /** There is nobody to tell but the backend. */
  #clientVanished(): void {
    const { closeCode, message } = faults.keepalive_timeout;
    this.#endAs({ closedBy: "client", closeCode: ABNORMAL, fault: "keepalive_timeout" });
    const mask = this.#options.random.bytes(4);
    this.fromClient.closeSink(closeFrame(closeCode, message, mask), true);
    this.fromClient.source.destroy();
  }

  /** RFC 6455 §7.1.7: who broke the rules is told so and cut off; the other side learns of it. */
  #refuse(flow: Flow, fault: NonNullable<Flow["scanner"]["fault"]>): void {
    const ofBackend = fault === "protocol_error" ? "bad_backend_frame" : "backend_message_too_big";
    const code = flow.side === "client" ? fault : ofBackend;
    const breaker = faults[fault].closeCode;
    const reason = flow.scanner.faultDetail;
    this.#endAs({ closedBy: "edge", closeCode: faults[code].closeCode, fault: code });
    this.#sendCloses({ client: faults[code].closeCode, backend: breaker, reason }, flow.side);
  }

  /** @param broken the side that broke the rules, whose answer could not be read any more */
  #sendCloses(
    close: { readonly client: number; readonly backend: number; readonly reason: string },
    broken?: Side,
  ): void {
    const mask = this.#options.random.bytes(4);
    const toClient = closeFrame(close.client, close.reason, undefined);
    const toBackend = closeFrame(close.backend, close.reason, mask);
    this.fromBackend.closeSink(toClient, broken === "client");
    this.fromClient.closeSink(toBackend, broken === "backend");
    this.#startGrace();
  }

  #endAs(ending: Ending): void {
    this.#ending ??= ending;
  }

  #startGrace(): void {
    this.#grace ??= this.#options.clock.after(CLOSE_GRACE_MS, () => this.destroy());
  }

  #opposite(flow: Flow): Flow {
    return flow === this.fromClient ? this.fromBackend : this.fromClient;
  }

  #finish(): void {
    this.#grace?.cancel();
    const ending = this.#ending ?? { closedBy: "edge", closeCode: ABNORMAL, fault: undefined };
    this.#options.onEnd({
      ...ending,
      durationMs: this.#options.clock.nowMs() - this.#startMs,
      fromClient: this.fromClient.traffic,
      fromBackend: this.fromBackend.traffic,
    });
  }
}
