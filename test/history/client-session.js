import { setTimeout as pause } from "node:timers/promises";
import { connect } from "../../dist/client/index.js";
import { nowMs } from "./monotonic.js";
import { observedSocket } from "./observed-socket.js";

/** Fast enough that the faults of a run are felt and not waited out. */
const RETRY = { firstMs: 100, maxMs: 1_500 };
const TIMEOUT_MS = 3_000;
/** More connections than a process makes in one life. */
const CONNECTIONS_A_LIFE = 100_000;

/** A session of the plan: one client of the fleet that tells all it sees. */
export class ClientSession {
  /** Of the plan. */
  index;
  client;
  #plan;
  #life;
  #recorder;
  #sockets = 0;
  #socket;
  #readsAgainMs = 0;
  #handles = Promise.resolve();
  /** Messages that a handler of this life has failed with. */
  #failed = new Set();

  constructor({ index, plan, life, url, recorder }) {
    this.index = index;
    this.#plan = plan;
    this.#life = life;
    this.#recorder = recorder;
    const { name, token } = this.#settings;
    const address = new URL(url);
    address.searchParams.set("user", name);
    this.client = connect(address, {
      session: token,
      WebSocket: observedSocket(this.#observer()),
      retry: RETRY,
      timeoutMs: TIMEOUT_MS,
    });
    const session = index;
    this.client.on("open", ({ node }) => this.#tell({ type: "opened", session, node }));
    this.client.on("close", ({ code, reason, isFinal }) => {
      this.#tell({ type: "closed", session, code, reason, isFinal, at: nowMs() });
    });
    this.client.on("error", ({ code, message }) => {
      // Some handlers fail on purpose.
      if (code !== "handler_failed") this.#tell({ type: "error", session, code, message });
    });
  }

  get #settings() {
    return this.#plan.sessions[this.index];
  }

  /**
   * Joins the channels of the plan, each at its time.
   *
   * @param elapsedMs since the run began
   * @returns resolves when those are joined whose time had come
   */
  async join(elapsedMs) {
    const joins = this.#settings.joins.map((join) => ({ ...join, inMs: join.atMs - elapsedMs }));
    for (const join of joins) if (join.inMs > 0) setTimeout(() => void this.#join(join), join.inMs);
    await Promise.all(joins.filter(({ inMs }) => inMs <= 0).map((join) => this.#join(join)));
  }

  publish(channel, data, options) {
    return this.client.channel(channel).publish(data, options);
  }

  stopReading(forMs) {
    this.#readsAgainMs = nowMs() + forMs;
    this.#socket?.pause();
    setTimeout(() => this.#socket?.resume(), forMs);
  }

  stopHandling(forMs) {
    this.#handles = pause(forMs);
  }

  /** By channel. */
  members() {
    return Promise.all(this.#plan.channels.map((name) => this.client.channel(name).members()));
  }

  async #join({ channel, delivery }) {
    const session = this.index;
    const room = this.client.channel(this.#plan.channels[channel]);
    room.on("message", (message) => this.#handle(message));
    room.on("gap", ({ reason, asked, resumes }) => {
      this.#tell({ type: "gap", session, channel, reason, asked, resumes, at: nowMs() });
    });
    await room.join({ delivery, presence: { name: this.#settings.name } });
    await this.#tell({ type: "joined", session, channel, at: nowMs() });
  }

  async #handle({ data: { stream, seq }, offset }) {
    const fails = offset !== undefined && this.#isToFail(stream, seq);
    const [session, life] = [this.index, this.#life];
    await this.#tell({ type: fails ? "refused" : "handled", session, life, stream, seq });
    await this.#handles;
    if (fails) throw new Error("on purpose");
  }

  /** Once for each message that is to fail. */
  #isToFail(stream, seq) {
    const { failsEvery } = this.#settings;
    const name = `${stream}-${seq}`;
    if (failsEvery === 0 || seq % failsEvery !== 0 || this.#failed.has(name)) return false;
    this.#failed.add(name);
    return true;
  }

  #observer() {
    const [session, life] = [this.index, this.#life];
    return {
      isReading: () => nowMs() >= this.#readsAgainMs,
      onSocket: (socket) => {
        this.#socket = socket;
        return life * CONNECTIONS_A_LIFE + ++this.#sockets;
      },
      onReceived: (connection, { stream, seq }, deliveries) => {
        this.#tell({ type: "received", session, life, connection, stream, seq, deliveries });
      },
      onSent: (connection, { stream, seq }) => {
        this.#tell({ type: "sent", stream, seq, connection });
      },
      onRefused: ({ stream, seq }, code) => {
        this.#tell({ type: "postponed", stream, seq, code });
      },
    };
  }

  #tell(event) {
    return this.#recorder.record(event);
  }
}
