import { performance } from "node:perf_hooks";
import { onTestFinished } from "vitest";
import { startBackend, type TestBackend } from "./backend.ts";
import { openClient, RawClient } from "./client.ts";
import type { TestEdge } from "./edge.ts";

/** About 200 handshakes a second. */
const EVERY_MS = 5;

/** What a backend says to a client that has come to it. */
export interface Visit {
  readonly backend: string;
  /** The session's id, as the edge tells it to backends. */
  readonly session: string;
}

/** Backends that greet with a {@link Visit}. */
export function startVisited(ids: readonly string[]): Promise<TestBackend[]> {
  return Promise.all(
    ids.map((backend) =>
      startBackend(backend, {
        webSocket(socket, { headers }) {
          socket.send(JSON.stringify({ backend, session: headers["ringway-session"] }));
        },
      }),
    ),
  );
}

/** Connects with a token in the query, hears where it is, and leaves. */
export async function visit(edge: TestEdge, token: string): Promise<Visit> {
  const client = await openClient(`${edge.ws}/?s=${token}`);
  const said = JSON.parse(await client.text()) as Visit;
  client.socket.close(1000);
  await client.closed;
  return said;
}

/** Pools that take the session from what {@link visit} and {@link Traffic} send. */
export const affinity = [{ token: { query: "s" } }];

/** How often the edge has chosen a backend for this reason. */
export function picks(edge: TestEdge, reason: "bound" | "policy" | "fallback"): Promise<number> {
  return edge.metric("ringway_picks_total", { reason });
}

/** Clients that come at a steady pace, take turns at being one of some sessions, and leave at once. */
export class Traffic {
  readonly #port: number;
  readonly #tokens: readonly string[];
  readonly #timer: NodeJS.Timeout;
  readonly #underWay = new Set<Promise<void>>();
  readonly #failures: string[] = [];
  #count = 0;
  #slowestMs = 0;

  constructor(edge: TestEdge, tokens: readonly string[]) {
    this.#port = edge.port;
    this.#tokens = tokens;
    this.#timer = setInterval(() => this.#begin(), EVERY_MS);
    onTestFinished(() => clearInterval(this.#timer));
  }

  /** @returns what went wrong; and for the reader of a failed test, how long the slowest took */
  async stop(): Promise<{ failures: readonly string[]; summary: string }> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
    const summary = `${this.#count} upgrades, the slowest took ${Math.round(this.#slowestMs)} ms`;
    return { failures: this.#failures, summary };
  }

  #begin(): void {
    const token = this.#tokens[this.#count++ % this.#tokens.length] ?? "";
    const done = this.#shakeHands(token);
    this.#underWay.add(done);
    void done.then(() => this.#underWay.delete(done));
  }

  async #shakeHands(token: string): Promise<void> {
    const startMs = performance.now();
    const client = new RawClient(this.#port);
    await client.upgrade(`/?s=${token}`).catch((error: unknown) => {
      this.#failures.push(String(error));
    });
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - startMs);
    client.socket.destroy();
  }
}
