import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { ProxyServer } from "http-proxy";
import { describeError } from "../core/errors.ts";
import type { FaultCode } from "../core/fault.ts";
import type { LiveBackend } from "../upstream/backend.ts";
import { rememberedId } from "./affinity.ts";
import { findDirection, type Direction } from "./direction.ts";
import type { EdgeContext } from "./edge-context.ts";
import { Exchange } from "./exchange.ts";
import { requestHeaders } from "./forward-headers.ts";
import { BackendAgent } from "./http-agent.ts";
import { pick } from "./pick.ts";
import { reach } from "./reach.ts";
import { refuseRequest } from "./refuse.ts";
import { readRequest, type Arrival, type EdgeRequest } from "./request.ts";
import { SessionLookup } from "./session-lookup.ts";

const CLIENT_GONE_STATUS = 499;
/** The path as the client wrote it, and nothing of the target before it. */
const PASS_PATH = { toProxy: true, prependPath: false };
/** Stands for whatever connection the agent has. */
const TARGET = { protocol: "http:", host: "backend", port: 80 };

export interface RequestArrival extends Arrival {
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
}

/** A request that knows its way. */
interface Errand extends Direction {
  readonly arrival: RequestArrival;
  readonly request: EdgeRequest;
  readonly signal: AbortSignal;
}

interface Misplanned {
  readonly fault: FaultCode;
  readonly pool: string | undefined;
}

/**
 * Plain HTTP: the same route, affinity and pick as an upgrade, then the package `http-proxy` streams
 * request and response. What it does not do is done around it, in `Exchange`.
 */
export class Forwarder {
  readonly #context: EdgeContext;
  readonly #agents = new Map<LiveBackend, BackendAgent>();
  readonly #exchanges = new WeakMap<IncomingMessage, Exchange>();
  readonly #proxy: ProxyServer = ProxyServer.createProxyServer(PASS_PATH);

  constructor(context: EdgeContext) {
    this.#context = context;
    this.#proxy
      .on("proxyReq", (toBackend, message) => this.#exchanges.get(message)?.requestSent(toBackend))
      .on("proxyRes", (answer, message) => this.#exchanges.get(message)?.answered(answer));
    // Its pass before this one turns a chunked DELETE into one of length 0 with a body behind it,
    // which a backend reads as a second request: the headers are set anew.
    this.#proxy.before("web", "stream", (message) => {
      this.#exchanges.get(message)?.setHeaders();
    });
  }

  /** Never rejects: whatever goes wrong is answered, counted and logged here. */
  async handle(arrival: RequestArrival): Promise<void> {
    const { clock, logger, observer } = this.#context;
    const { response } = arrival;
    const startMs = clock.nowMs();
    const left = new AbortController();
    let pool: string | undefined;
    response.on("close", () => {
      left.abort();
      const status = response.writableFinished ? response.statusCode : CLIENT_GONE_STATUS;
      observer.requestEnded(pool, status, (clock.nowMs() - startMs) / 1000);
    });
    try {
      const errand = await this.#plan(arrival, left.signal);
      if ("fault" in errand) {
        pool = errand.pool;
        refuseRequest(response, errand.fault, this.#context.random);
        return;
      }
      pool = errand.served.pool.name;
      await this.#send(errand, true);
    } catch (error) {
      logger.error("request failed", { pool, cause: describeError(error) });
      refuseRequest(response, "internal", this.#context.random);
    }
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  async #plan(arrival: RequestArrival, signal: AbortSignal): Promise<Errand | Misplanned> {
    const request = readRequest(arrival.message, arrival, this.#context.random);
    if (request === undefined) return { fault: "bad_request", pool: undefined };
    const direction = await findDirection(this.#context, request);
    return "fault" in direction ? direction : { arrival, request, signal, ...direction };
  }

  /** @param useKept whether a kept-alive connection may be used; a fresh one is never stale */
  async #send(errand: Errand, useKept: boolean): Promise<void> {
    const { served, session, signal, arrival } = errand;
    const lookup = new SessionLookup(this.#context);
    const picked = await pick(served, session, { ...this.#context, lookup });
    const reached = await reach<{ readonly fresh?: Socket }>(served, picked, {
      context: this.#context,
      lookup,
      ...(useKept && { kept: (backend) => (this.#agentOf(backend).hasIdle ? {} : undefined) }),
      use: (fresh) => ({ fresh }),
      discard: ({ fresh }) => fresh?.destroy(),
      signal,
    });
    if (typeof reached === "string") {
      if (reached !== "client_gone") refuseRequest(arrival.response, reached, this.#context.random);
      return;
    }
    const { backend, reason, got, release } = reached;
    const choice = { pool: served.pool.name, backend: backend.id, reason };
    const endUse = this.#context.sessionsInUse.begin(rememberedId(session), reached);
    onceClosed(arrival.response, () => {
      release();
      endUse();
    });
    const { fresh } = got;
    const agent = this.#agentOf(backend);
    if (signal.aborted) {
      fresh?.destroy();
    } else if (fresh !== undefined) {
      agent.offer(fresh, () => this.#forward(errand, backend));
    } else if (agent.hasIdle) {
      this.#forward(errand, backend);
    } else {
      // The kept connection was taken or ended while the session was bound.
      await this.#send(errand, false);
      return;
    }
    this.#context.observer.picked(choice);
  }

  #forward(errand: Errand, backend: LiveBackend): void {
    const { message, response } = errand.arrival;
    const { outlier } = errand.served;
    const agent = this.#agentOf(backend);
    const exchange = new Exchange({
      message,
      response,
      headers: requestHeaders(errand.request, rememberedId(errand.session)),
      setCookie: errand.session?.setCookie,
      idleMs: errand.served.timeouts.idleMs,
      closing: this.#context.isClosing,
      onAnswer: () => outlier?.accepted(backend),
    });
    this.#exchanges.set(message, exchange);
    message.url = errand.request.target.origin;
    this.#proxy.web(message, response, { target: TARGET, agent }, (error) => {
      const verdict = exchange.failed();
      if (verdict === "repeat") {
        this.#send(errand, false).catch(() =>
          refuseRequest(response, "internal", this.#context.random),
        );
      } else if (verdict !== undefined) {
        outlier?.refused(backend);
        this.#context.logger.warn("backend failed a request", {
          pool: errand.served.pool.name,
          code: verdict,
          cause: describeError(error),
        });
        refuseRequest(response, verdict, this.#context.random);
      }
    });
  }

  /** Requests under way to backends that left their pools end as they would; idle connections time out. */
  #forgetGone(): void {
    const pools = [...this.#context.pools.values()];
    const present = new Set(pools.flatMap(({ pool }) => pool.backends));
    for (const backend of this.#agents.keys()) {
      if (!present.has(backend)) this.#agents.delete(backend);
    }
  }

  #agentOf(backend: LiveBackend): BackendAgent {
    let agent = this.#agents.get(backend);
    if (agent === undefined) {
      this.#forgetGone();
      agent = new BackendAgent();
      this.#agents.set(backend, agent);
    }
    return agent;
  }
}

function onceClosed(response: ServerResponse, run: () => void): void {
  if (response.closed) run();
  else response.once("close", run);
}
