import { z } from "zod";
import type { PoolStatus } from "../admin/pool-status.ts";
import { systemClock } from "../core/clock.ts";
import { ConfigError, StartError, systemCode } from "../core/errors.ts";

const TIMEOUT_MS = 10_000;

export interface AdminFlags {
  /** `http://host:port` or `host:port`. */
  readonly admin: string;
  readonly token?: string;
}

const answer = z.looseObject({ error: z.string() });

/** Talks to the admin address of a running edge. */
export class AdminClient {
  readonly #base: string;
  readonly #token: string | undefined;

  /** @throws ConfigError when the address is none */
  constructor({ admin, token = process.env["RINGWAY_ADMIN_TOKEN"] }: AdminFlags) {
    const url = /^https?:\/\//.test(admin) ? admin : `http://${admin}`;
    if (!URL.canParse(url)) {
      throw new ConfigError([{ file: "ringway", message: `--admin "${admin}" is no address` }]);
    }
    this.#base = new URL(url).origin;
    this.#token = token;
  }

  /** @throws StartError when no edge answers there, or it refuses */
  async pools(): Promise<PoolStatus[]> {
    return (await this.#ask("GET", "/api/pools")) as PoolStatus[];
  }

  /** @throws StartError when no edge answers there, or it has no such backend */
  async act(verb: "drain" | "undrain", pool: string, backend: string): Promise<void> {
    const path = [pool, "backends", backend, verb].map(encodeURIComponent).join("/");
    await this.#ask("POST", `/api/pools/${path}`);
  }

  async #ask(method: string, path: string): Promise<unknown> {
    const response = await this.#fetch(method, path);
    if (response.status === 401) {
      throw new StartError(`${this.#base} asks for a token: --token, or RINGWAY_ADMIN_TOKEN`);
    }
    const body: unknown = await response.json().catch(() => undefined);
    if (response.ok) return body;
    const failed = answer.safeParse(body);
    const why = failed.success ? failed.data.error : `status ${response.status}`;
    throw new StartError(`${this.#base}: ${why}`);
  }

  async #fetch(method: string, path: string): Promise<Response> {
    const late = new AbortController();
    const timer = systemClock.after(TIMEOUT_MS, () => late.abort());
    const headers = this.#token === undefined ? {} : { Authorization: `Bearer ${this.#token}` };
    try {
      return await fetch(this.#base + path, { method, headers, signal: late.signal });
    } catch (error) {
      const cause = systemCode(error instanceof Error ? error.cause : error) ?? "no answer";
      const hint = "give it an admin address, and name that with --admin";
      throw new StartError(`no edge answers at ${this.#base} (${cause}): ${hint}`, {
        cause: error,
      });
    } finally {
      timer.cancel();
    }
  }
}
