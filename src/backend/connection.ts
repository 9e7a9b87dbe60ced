import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { WebSocket } from "ws";

const OPEN = 1;
/** RFC 6455 §7.4.1 and the IANA registry: come back later. */
const TRY_AGAIN_LATER = 1013;

/** What becomes of a socket that does not read as fast as messages come. */
export type SlowPolicy = "drop" | "close";

export interface ConnectionOptions {
  /** Names the client across its connections; the edge's `Ringway-Session`, or else a new one. */
  readonly session?: string;
  /** Whose connection it is, if you know. */
  readonly user?: string;
}

export interface JoinOptions {
  /** Makes the client a member of the channel, with this to be told of it: what JSON can say. */
  readonly presence?: unknown;
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
    this.#stream = request.socket;
    this.session = session;
    this.user = user;
  }

  /**
   * From its resolution on, each message of the channel is sent to this client, once. A client that
   * has gone meanwhile joins nothing.
   *
   * @throws FleetError `bad_channel_name`, `bad_message` for a presence that can't be told; Error when
   *   the broker refuses the subscription
   */
  join(channel: string, options: JoinOptions = {}): Promise<void> {
    return this.#host.join(this, channel, options);
  }

  leave(channel: string): void {
    this.#host.leave(this, channel);
  }

  /** Bytes that wait for the client to read. */
  get bufferedBytes(): number {
    return this.#stream.writableLength;
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
    if (this.socket.readyState !== OPEN) return;
    const waiting = this.#stream.writableLength;
    // One message that is larger than the limit may still go to a client that has read all else.
    if (waiting > 0 && waiting + frames.length > this.#host.bufferedBytes) {
      this.#host.dropped(messages);
      if (this.#host.slow === "close") this.#closeSlow();
      return;
    }
    this.#stream.write(frames);
    this.#host.delivered(messages);
  }

  #closeSlow(): void {
    this.#host.closedSlow(this);
    this.socket.close(TRY_AGAIN_LATER, "This client reads too slowly.");
  }
}
