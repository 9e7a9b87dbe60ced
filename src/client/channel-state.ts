import { Attendance } from "./attendance.ts";
import type { BackoffLimits } from "./backoff.ts";
import type { ChannelEvents } from "./channel-events.ts";
import { RingwayClientError } from "./client-error.ts";
import type { Environment } from "./environment.ts";
import { Events, type Listener } from "./events.ts";
import { Inbox } from "./inbox.ts";
import type { Message } from "./message.ts";
import type { GapFields, Joined, Members, MessageFields } from "./node-message.ts";
import type { Outgoing } from "./outbox.ts";
import type { Outcome, Requests } from "./requests.ts";
import { Retry } from "./retry.ts";
import type { Settlements } from "./settlements.ts";
import type { Gap, Place, PresenceEvent } from "./types.ts";
import { Watching } from "./watching.ts";

/** What a channel needs of the client that it belongs to. */
export interface ChannelHost {
  readonly environment: Environment;
  readonly retry: BackoffLimits;
  readonly requests: Requests;
  readonly settlements: Settlements;
  /** Of all channels. */
  readonly handlers: () => readonly Listener<Message>[];
  publish(outgoing: Outgoing): Promise<void>;
  tellGap(gap: Gap): void;
  tellError(error: RingwayClientError): void;
  /** @throws RingwayClientError `closed` */
  checkOpen(): void;
}

/** What the client knows of one channel. */
export class ChannelState {
  readonly host: ChannelHost;
  readonly #name: string;
  readonly #events = new Events<ChannelEvents>();
  readonly #inbox: Inbox;
  readonly #attendance: Attendance;
  readonly #watching: Watching;
  /** Whether this connection's node has said that the client is in it. */
  #isJoined = false;
  /** The last one known, while delivery is at least once. */
  #place: Place | undefined;

  constructor(host: ChannelHost, name: string) {
    this.host = host;
    this.#name = name;
    const { requests, settlements, environment, retry } = host;
    this.#inbox = new Inbox({
      channel: name,
      settlements,
      handlers: () => [...this.#events.of("message"), ...host.handlers()],
      onFailure: (cause) => {
        const error = new RingwayClientError("handler_failed", `a handler has failed: ${name}`, {
          cause,
          channel: name,
        });
        host.tellError(error);
      },
      onOverflow: () => this.#tellGap({ reason: "overflow", asked: undefined, resumes: undefined }),
    });
    const shared = { channel: name, requests, onRefused: host.tellError.bind(host) };
    const onLeft = (): void => this.#left();
    this.#attendance = new Attendance({ ...shared, retry: new Retry(environment, retry), onLeft });
    this.#watching = new Watching({ ...shared, retry: new Retry(environment, retry) });
  }

  on<K extends keyof ChannelEvents>(name: K, listener: Listener<ChannelEvents[K]>): () => void {
    const off = this.#events.on(name, listener);
    if (name === "message") this.handOver();
    if (name !== "presence") return off;
    this.#watching.want(true);
    return () => {
      off();
      this.#watching.want(this.#events.count("presence") > 0);
    };
  }

  join(json: string, isManual: boolean): Promise<void> {
    this.host.checkOpen();
    this.#inbox.isManual = isManual;
    return this.#attendance.join(json);
  }

  leave(): Promise<void> {
    this.host.checkOpen();
    return this.#attendance.leave(JSON.stringify({ type: "leave", channel: this.#name }));
  }

  members(limit?: number, after?: string): Promise<Members> {
    this.host.checkOpen();
    const json = JSON.stringify({ type: "members", channel: this.#name, limit, after });
    return new Promise((resolve, reject) => {
      const done = (outcome: Outcome): void => {
        if (outcome instanceof RingwayClientError) reject(outcome);
        else if (outcome !== "lost" && outcome.type === "members") resolve(outcome);
        else reject(new RingwayClientError("bad_message", "this is no answer: members"));
      };
      this.host.requests.ask({ channel: this.#name, json, isRepeatable: true, done });
    });
  }

  open(): void {
    this.#attendance.open();
    this.#watching.open();
  }

  lose(): void {
    this.#isJoined = false;
    this.#attendance.lose();
    this.#watching.lose();
  }

  close(error: RingwayClientError): void {
    this.#attendance.close(error);
    this.#inbox.clear();
  }

  /** There may be a handler now. */
  handOver(): void {
    this.#inbox.handOver();
  }

  joined({ place, isNew }: Joined): void {
    const asked = this.#place;
    this.#isJoined = true;
    this.#place = place;
    if (!isNew || asked === undefined) return;
    this.#tellGap({ reason: "forgotten", asked, resumes: place });
  }

  message(fields: MessageFields): void {
    // One that crossed with our leaving is none of ours any more.
    if (!this.#isJoined && !this.#attendance.isIn) return;
    this.#place = fields.place ?? this.#place;
    this.#inbox.take(fields);
  }

  gap({ reason, asked, resumes }: GapFields): void {
    this.#place = resumes ?? this.#place;
    this.#tellGap({ reason, asked, resumes });
  }

  presence(event: PresenceEvent): void {
    this.#events.emit("presence", event);
  }

  #left(): void {
    this.#isJoined = false;
    this.#place = undefined;
    this.#inbox.clear();
  }

  #tellGap(about: Omit<Gap, "channel">): void {
    const gap = { channel: this.#name, ...about };
    this.#events.emit("gap", gap);
    this.host.tellGap(gap);
  }
}
