import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import { messageFrame } from "../wire/message-frame.ts";
import type { DeliveryGuarantee } from "./delivery/delivery-options.ts";
import type { NodeMessage } from "./protocol/messages.ts";

const OPEN = 1;
/** RFC 6455 §7.4.1 and the IANA registry: come back later. */
const TRY_AGAIN_LATER = 1013;
/** The subprotocol of clients of this library; see docs/protocol.md. */
export const SUBPROTOCOL = "ringway.v1";

/** What becomes of a socket that does not read as fast as messages come. */
export type SlowPolicy = "drop" | "close";

export interface JoinOptions {
  /** Makes the client a member of the channel, with this to be told of it: what JSON can say. */
  readonly presence?: unknown;
  /**
   * `at-most-once` by default. With `at-least-once` what is published so comes from the log, and is
   * sent again until the session has acknowledged it. A client that does not speak `ringway.v1`
   * can't: a message counts as acknowledged when it was written to its connection.
   */
  readonly delivery?: DeliveryGuarantee;
}

/** What a connection asks of the node that it belongs to. */
export interface ConnectionHost {
  readonly bufferedBytes: number;
  readonly slow: SlowPolicy;
  join(connection: Connection, channel: string, options: JoinOptions): Promise<void>;
  leave(connection: Connection, channel: string): void;
  delivered(messages: number): void;
  dropped(messages: number): void;
  closedSlow(connection: Connection): void;
}

/** The WebSocket of a client at this node. It leaves all its channels when it closes. */
export class Connection {
  readonly session: string;
  readonly user: string | undefined;
  readonly socket: WebSocket;
  /** The names of those that it is in. */
  readonly channels: Set<string> = new Set();
  /** It speaks `ringway.v1`. */
  readonly isFramed: boolean;
  readonly #host: ConnectionHost;
  readonly #stream: Socket;

  /** See `Fleet.accept`. */
  constructor(
    host: ConnectionHost,
    { socket, request }: { readonly socket: WebSocket; readonly request: IncomingMessage },
    { session, user }: { readonly session: string; readonly user: string | undefined },
  ) {
    this.#host = host;
    this.socket = socket;
    this.isFramed = socket.protocol === SUBPROTOCOL;
    this.#stream = request.socket;
    this.session = session;
    this.user = user;
  }

  /**
   * From its resolution on, each message of the channel is sent to this client. A client that has
   * gone meanwhile joins nothing.
   *
   * @throws FleetError `bad_channel_name`, `bad_message` for a presence that can't be told,
   *   `capability_missing` for at-least-once delivery on a broker without a log; Error when the broker
   *   refuses the subscription
   */
  join(channel: string, options: JoinOptions = {}): Promise<void> {
    return this.#host.join(this, channel, options);
  }

  /** On purpose: a session that reads the log gives its place there up. */
  leave(channel: string): void {
    this.#host.leave(this, channel);
  }

  get isOpen(): boolean {
    return this.socket.readyState === OPEN;
  }

  /** Bytes that wait for the client to read. */
  get bufferedBytes(): number {
    return this.#stream.writableLength;
  }

  /** Most bytes that may. */
  get maxBufferedBytes(): number {
    return this.#host.bufferedBytes;
  }

  cork(): void {
    this.#stream.cork();
  }

  uncork(): void {
    this.#stream.uncork();
  }

  /**
   * Whole frames go to the client's TCP or TLS stream without passing through `ws`, which would make
   * a header for each socket anew. They stand between two messages that `ws` sends itself.
   */
  deliver(frames: Buffer, messages: number): void {
    if (!this.isOpen) return;
    const waiting = this.#stream.writableLength;
    // One message that is larger than the limit may still go to a client that has read all else.
    if (waiting > 0 && waiting + frames.length > this.#host.bufferedBytes) {
      this.#host.dropped(messages);
      if (this.#host.slow === "close") this.closeSlow();
      return;
    }
    this.#stream.write(frames);
    this.#host.delivered(messages);
  }

  /** The same for what must not be left out: whoever calls has looked whether there is room. */
  write(frames: Buffer, onWritten?: () => void): void {
    if (!this.isOpen) return;
    this.#stream.write(frames, (error) => {
      if (!error) onWritten?.();
    });
  }

  /** Says something to a client that speaks `ringway.v1`. One that does not read is closed. */
  tell(message: NodeMessage): void {
    const frame = messageFrame(Buffer.from(JSON.stringify(message)), true);
    if (this.bufferedBytes > this.#host.bufferedBytes) this.closeSlow();
    else this.write(frame);
  }

  closeSlow(): void {
    this.#host.closedSlow(this);
    this.socket.close(TRY_AGAIN_LATER, "This client reads too slowly.");
  }
}
