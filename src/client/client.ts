import { ChannelState, type ChannelHost } from "./channel-state.ts";
import { Channel } from "./channel.ts";
import { RingwayClientError } from "./client-error.ts";
import { Events, throwLater, type Listener } from "./events.ts";
import { Link, type Closing, type LinkSettings, type LinkState } from "./link.ts";
import type { Message } from "./message.ts";
import type { BadMessage, NodeMessage, Welcome } from "./node-message.ts";
import { Outbox, type OutboxLimits } from "./outbox.ts";
import { Requests } from "./requests.ts";
import { Retry } from "./retry.ts";
import { Settlements } from "./settlements.ts";
import type { Gap } from "./types.ts";

/** A connection that has come about. */
export interface Opening {
  /** What the fleet calls the session: a hash of its token. */
  readonly session: string;
  /** The node that holds the connection. */
  readonly node: string;
}

export interface ClientEvents {
  readonly open: Opening;
  /** A connection has ended, or could not be made. */
  readonly close: Closing;
  /** Another attempt begins. */
  readonly reconnecting: { readonly attempt: number };
  /** Messages of all channels, handed over after the channel's own handlers. */
  readonly message: Message;
  readonly gap: Gap;
  /** What nobody else is told of: see docs/client.md. */
  readonly error: RingwayClientError;
}

export interface ClientSettings extends LinkSettings {
  readonly limits: OutboxLimits;
  readonly signal: AbortSignal | undefined;
}

interface Entry {
  readonly channel: Channel;
  readonly state: ChannelState;
}

/** A client of a fleet. It connects at once, and again whenever its connection ends, until it is closed. */
export class Client {
  readonly #events = new Events<ClientEvents>();
  readonly #channels = new Map<string, Entry>();
  readonly #requests: Requests;
  readonly #settlements: Settlements;
  readonly #outbox: Outbox;
  readonly #host: ChannelHost;
  readonly #link: Link;
  readonly #release: () => void;
  #closed: RingwayClientError | undefined;

  /** See `connect`. */
  constructor(settings: ClientSettings) {
    const { environment, retry, limits, signal } = settings;
    const send = (text: string): void => this.#link.send(text);
    this.#requests = new Requests(send);
    this.#settlements = new Settlements(send);
    this.#outbox = new Outbox(this.#requests, new Retry(environment, retry), limits);
    this.#host = this.#hostOf(settings);
    this.#link = new Link(settings, {
      onWelcome: (welcome) => this.#open(welcome),
      onMessage: (message) => this.#hear(message),
      onAttempt: (attempt) => this.#events.emit("reconnecting", { attempt }),
      onClose: (closing) => this.#lose(closing),
    });
    const abort = (): void => void this.close();
    signal?.addEventListener("abort", abort);
    const stopWaking = environment.onWake(() => this.#link.wake());
    this.#release = () => {
      signal?.removeEventListener("abort", abort);
      stopWaking();
    };
  }

  /** `connecting`, `open`, `waiting` for the next attempt, or `closed` for good. */
  get state(): LinkState {
    return this.#link.state;
  }

  /** @returns takes the listener away again */
  on<K extends keyof ClientEvents>(name: K, listener: Listener<ClientEvents[K]>): () => void {
    const off = this.#events.on(name, listener);
    if (name === "message") for (const { state } of this.#channels.values()) state.handOver();
    return off;
  }

  /** The channel of this name: each time the same object. It is joined by its `join`. */
  channel(name: string): Channel {
    return this.#entry(name).channel;
  }

  /**
   * Closes the connection for good, with 1000. What was not confirmed is rejected with `closed`.
   * Resolves when everything is released; can be called again.
   */
  async close(): Promise<void> {
    this.#settlements.flush();
    await this.#link.close();
  }

  #entry(name: string): Entry {
    const known = this.#channels.get(name);
    if (known !== undefined) return known;
    const state = new ChannelState(this.#host, name);
    const entry = { state, channel: new Channel(name, state) };
    this.#channels.set(name, entry);
    if (this.#link.state === "open") state.open();
    return entry;
  }

  #hostOf({ environment, retry }: ClientSettings): ChannelHost {
    const checkOpen = (): void => {
      if (this.#closed !== undefined) throw this.#closed;
    };
    return {
      ...{
        environment,
        retry,
        requests: this.#requests,
        settlements: this.#settlements,
        checkOpen,
      },
      handlers: () => this.#events.of("message"),
      publish: (outgoing) => {
        checkOpen();
        return this.#outbox.add(outgoing);
      },
      tellGap: (gap) => this.#events.emit("gap", gap),
      tellError: (error) => this.#tellError(error),
    };
  }

  #open({ session, node }: Welcome): void {
    this.#requests.open();
    for (const { state } of this.#channels.values()) state.open();
    this.#requests.repeat();
    this.#outbox.open();
    this.#events.emit("open", { session, node });
  }

  #lose(closing: Closing): void {
    for (const { state } of this.#channels.values()) state.lose();
    this.#outbox.lose();
    this.#requests.lose();
    if (closing.isFinal) this.#end(closing);
    this.#events.emit("close", closing);
  }

  #end({ code, reason }: Closing): void {
    this.#release();
    const error = new RingwayClientError("closed", `the client is closed: ${code} ${reason}`);
    this.#closed = error;
    for (const { state } of this.#channels.values()) state.close(error);
    this.#outbox.close(error);
    this.#requests.close(error);
  }

  #hear(message: Exclude<NodeMessage, Welcome> | BadMessage): void {
    const { type } = message;
    switch (type) {
      case "message":
        this.#channels.get(message.channel)?.state.message(message);
        break;
      case "gap":
        this.#channels.get(message.channel)?.state.gap(message);
        break;
      case "presence":
        this.#channels.get(message.channel)?.state.presence(message);
        break;
      case "joined":
        // Of a channel that the application has joined us to, we hear here first.
        this.#entry(message.channel).state.joined(message);
        if (message.re !== undefined) this.#requests.answer(message.re, message);
        break;
      case "error":
        this.#refused(message.re, message.code, message);
        break;
      case "bad":
        this.#refused(message.re, "bad_message", { message: message.problem, retryable: false });
        break;
      case "pong":
        break;
      default:
        this.#requests.answer(message.re, message);
    }
  }

  /** Whoever asked is told; or else, whoever listens. */
  #refused(
    re: number | undefined,
    code: string,
    details: { readonly message: string; readonly retryable: boolean },
  ): void {
    if (re !== undefined) this.#requests.refuse(re, code, details);
    else this.#tellError(new RingwayClientError(code, details.message, details));
  }

  /** What a handler throws is never lost: like that of any listener, it is reported if nobody listens. */
  #tellError(error: RingwayClientError): void {
    const isHeard = this.#events.count("error") > 0 || error.code !== "handler_failed";
    if (isHeard) this.#events.emit("error", error);
    else throwLater(error.cause);
  }
}
