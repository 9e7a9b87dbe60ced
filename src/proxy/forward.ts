import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { ProxyServer } from "http-proxy";
import { describeError } from "../core/errors.ts";
import type { FaultCode } from "../core/fault.ts";
import type { LiveBackend } from "../upstream/backend.ts";
import { findDirection, type Direction } from "./direction.ts";
import type { EdgeContext } from "./edge-context.ts";
import { Exchange } from "./exchange.ts";
import { requestHeaders } from "./forward-headers.ts";
import { BackendAgent } from "./http-agent.ts";
import { pick } from "./pick.ts";
import { reach } from "./reach.ts";
import { refuseRequest } from "./refuse.ts";
import { readRequest, type Arrival, type EdgeRequest } from "./request.ts";

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
      const errand = this.#plan(arrival, left.signal);
      if (typeof errand === "string") {
        refuseRequest(response, errand);
        return;
      }
      pool = errand.served.pool.name;
      await this.#send(errand, true);
    } catch (error) {
      logger.error("request failed", { pool, cause: describeError(error) });
      refuseRequest(response, "internal");
    }
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  #plan(arrival: RequestArrival, signal: AbortSignal): Errand | FaultCode {
    const request = readRequest(arrival.message, arrival, this.#context.random);
    if (request === undefined) return "bad_request";
    const direction = findDirection(this.#context, request);
    return direction === undefined ? "no_route" : { arrival, request, signal, ...direction };
  }

  /** @param useKept whether a kept-alive connection may be used; a fresh one is never stale */
  async #send(errand: Errand, useKept: boolean): Promise<void> {
    const { served, session, signal, arrival } = errand;
    const { store, observer } = this.#context;
    const picked = await pick(served, session, store);
    const reached = await reach<{ readonly fresh?: Socket }>(served, picked, {
      context: this.#context,
      ...(useKept && { kept: (backend) => (this.#agentOf(backend).hasIdle ? {} : undefined) }),
      use: (fresh) => ({ fresh }),
      discard: ({ fresh }) => fresh?.destroy(),
      signal,
    });
    if (typeof reached === "string") {
      if (reached !== "client_gone") refuseRequest(arrival.response, reached);
      return;
    }
    const { fresh } = reached.got;
    const agent = this.#agentOf(reached.backend);
    if (signal.aborted) {
      fresh?.destroy();
    } else if (fresh !== undefined) {
      agent.offer(fresh, () => this.#forward(errand, agent));
    } else if (agent.hasIdle) {
      this.#forward(errand, agent);
    } else {
      // The kept connection was taken or ended while the session was bound.
      await this.#send(errand, false);
      return;
    }
    observer.picked({
      pool: served.pool.name,
      backend: reached.backend.id,
      reason: reached.reason,
    });
  }

  #forward(errand: Errand, agent: BackendAgent): void {
    const { message, response } = errand.arrival;
    const exchange = new Exchange({
      message,
      response,
      headers: requestHeaders(errand.request, errand.session?.id),
      setCookie: errand.session?.setCookie,
      idleMs: errand.served.timeouts.idleMs,
      closing: this.#context.isClosing,
    });
    this.#exchanges.set(message, exchange);
    message.url = errand.request.target.origin;
    this.#proxy.web(message, response, { target: TARGET, agent }, (error) => {
      const verdict = exchange.failed();
      if (verdict === "repeat") {
        this.#send(errand, false).catch(() => refuseRequest(response, "internal"));
      } else if (verdict !== undefined) {
        this.#context.logger.warn("backend failed a request", {
          pool: errand.served.pool.name,
          code: verdict,
          cause: describeError(error),
        });
        refuseRequest(response, verdict);
      }
    });
  }

  #agentOf(backend: LiveBackend): BackendAgent {
    let agent = this.#agents.get(backend);
    if (agent === undefined) {
      agent = new BackendAgent();
      this.#agents.set(backend, agent);
    }
    return agent;
  }
}
