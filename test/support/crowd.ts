import { WebSocket } from "ws";
import { onTestFinished } from "vitest";
import { until } from "./until.ts";

/** Clients wait a random part of this before they come back. */
const JITTER_MS = 500;

interface Member {
  readonly number: number;
  socket: WebSocket;
  /** Who has greeted it, while it is connected. */
  holder: string | undefined;
}

export interface CrowdOptions {
  readonly url: string;
  readonly size: number;
  /** Whether clients whose connection ends come back. */
  readonly returns?: boolean;
}

/** Many clients, each a session, that come back with jitter whenever their connection ends. */
export class Crowd {
  readonly #options: CrowdOptions;
  readonly #members: Member[];
  #isOver = false;
  /** How often each close code was seen. */
  readonly closes = new Map<number, number>();
  /** Connections that were refused, or could not be made. */
  readonly failures: string[] = [];
  returned = 0;

  constructor(options: CrowdOptions) {
    this.#options = options;
    this.#members = Array.from({ length: options.size }, (_, number) => {
      const member = { number, socket: undefined as unknown as WebSocket, holder: undefined };
      return member;
    });
    for (const member of this.#members) this.#connect(member);
    onTestFinished(() => this.leave());
  }

  /** How many are connected to each backend now. */
  get spread(): Map<string, number> {
    const spread = new Map<string, number>();
    for (const { holder } of this.#members) {
      if (holder !== undefined) spread.set(holder, (spread.get(holder) ?? 0) + 1);
    }
    return spread;
  }

  get connected(): number {
    return this.#members.filter(({ holder }) => holder !== undefined).length;
  }

  async allConnected(): Promise<void> {
    await until("everybody is connected", () => this.connected === this.#options.size);
  }

  leave(): void {
    this.#isOver = true;
    for (const { socket } of this.#members) socket.terminate();
  }

  #connect(member: Member): void {
    const socket = new WebSocket(`${this.#options.url}/?session=s${member.number}`, {
      perMessageDeflate: false,
    });
    member.socket = socket;
    let failed: string | undefined;
    socket.once("message", (data: Buffer) => (member.holder = String(data)));
    socket.on("error", (error) => (failed = error.message));
    socket.on("close", (code) => {
      const wasConnected = member.holder !== undefined;
      member.holder = undefined;
      if (this.#isOver) return;
      if (wasConnected) this.closes.set(code, (this.closes.get(code) ?? 0) + 1);
      else this.failures.push(failed ?? `closed with ${code}`);
      if (this.#options.returns === false) return;
      this.returned++;
      setTimeout(() => {
        if (!this.#isOver) this.#connect(member);
      }, Math.random() * JITTER_MS);
    });
  }
}
