import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { describeError } from "../core/errors.ts";
import type { FaultCode } from "../core/fault.ts";
import type { ReservedBits } from "../wire/frame-scanner.ts";
import type { LiveBackend } from "../upstream/backend.ts";
import { extensionNames, findFlaw, readOffer, type UpgradeOffer } from "../wire/upgrade.ts";
import { rememberedId, type Session } from "./affinity.ts";
import { findDirection } from "./direction.ts";
import type { EdgeContext } from "./edge-context.ts";
import { answerHead, shakeHands, upgradeRequest, type Answer } from "./handshake.ts";
import type { Choice, UpgradeResult } from "./observer.ts";
import { pick } from "./pick.ts";
import { reach, type Reached } from "./reach.ts";
import { refuseUpgrade } from "./refuse.ts";
import { relayRefusal } from "./relay-refusal.ts";
import { readRequest, type Arrival, type EdgeRequest } from "./request.ts";
import { originAllowed } from "./route.ts";
import type { ServedPool } from "./served-pool.ts";
import { SessionLookup } from "./session-lookup.ts";
import type { TunnelResult } from "./open-tunnel.ts";
import { isAbnormal } from "./open-tunnel.ts";
import { Tunnel } from "./tunnel.ts";

/** A client that asks for a WebSocket. */
export interface UpgradeArrival extends Arrival {
  readonly message: IncomingMessage;
  /** Has an error handler already. */
  readonly socket: Socket;
  /** What the client has sent behind its request. */
  readonly early: Buffer;
}

/** How an upgrade ended. A fault is answered by the edge; all else was answered already. */
type Outcome =
  | { readonly pool: string; readonly result: Exclude<UpgradeResult, FaultCode> }
  | { readonly pool?: string | undefined; readonly result: FaultCode; readonly detail?: string };

/** The backend's connection and its answer. */
interface Answered {
  readonly socket: Socket;
  readonly answer: Answer;
}

/**
 * An upgrade from request to tunnel: route → affinity → pick → dial and handshake → bind → 101.
 * Never rejects: whatever goes wrong is answered, counted and logged here.
 */
export async function handleUpgrade(context: EdgeContext, arrival: UpgradeArrival): Promise<void> {
  const { clock, logger, observer } = context;
  const startMs = clock.nowMs();
  const left = new AbortController();
  const onLeft = (): void => left.abort();
  arrival.socket.on("close", onLeft).on("end", onLeft);
  const outcome = await upgrade(context, arrival, left.signal).catch((error: unknown): Outcome => {
    logger.error("upgrade failed", { cause: describeError(error) });
    return { result: "internal" };
  });
  arrival.socket.off("close", onLeft).off("end", onLeft);
  if (outcome.result !== "accepted" && outcome.result !== "refused") {
    const detail = "detail" in outcome ? outcome.detail : undefined;
    refuseUpgrade(arrival.socket, context, { code: outcome.result, detail });
  }
  observer.upgradeEnded(outcome.pool, outcome.result, (clock.nowMs() - startMs) / 1000);
}

async function upgrade(
  context: EdgeContext,
  arrival: UpgradeArrival,
  signal: AbortSignal,
): Promise<Outcome> {
  const request = readRequest(arrival.message, arrival, context.random);
  if (request === undefined) return { result: "bad_request" };
  if (request.path.host === undefined) return { result: "bad_upgrade", detail: "Host is missing." };
  const offer = readOffer(request);
  if ("code" in offer) return { result: offer.code, detail: offer.detail };

  const direction = await findDirection(context, request);
  if ("fault" in direction) return { pool: direction.pool, result: direction.fault };
  const { route, served, session } = direction;
  const pool = served.pool.name;
  if (!originAllowed(route, request.headers.origin)) return { pool, result: "origin_denied" };

  const admitted = (await served.admission?.enter(signal)) ?? "admitted";
  if (admitted !== "admitted") {
    return { pool, result: admitted === "storm" ? "too_many_handshakes" : admitted };
  }
  const lookup = new SessionLookup(context);
  const picked = await pick(served, session, { ...context, lookup });
  const reached = await reach(served, picked, {
    context,
    lookup,
    use: (socket, backend) =>
      handshake(context, { served, request, offer, session, socket, backend, signal }),
    discard: ({ socket }) => socket.destroy(),
    signal,
  });
  if (typeof reached === "string") return { pool, result: reached };
  if (signal.aborted || context.isClosing()) {
    reached.got.socket.destroy();
    reached.release();
    return { pool, result: signal.aborted ? "client_gone" : "shutting_down" };
  }
  return answer(context, arrival, { served, session, reached });
}

/** One candidate's handshake, held against the client's offer. */
async function handshake(
  context: EdgeContext,
  step: {
    readonly served: ServedPool;
    readonly request: EdgeRequest;
    readonly offer: UpgradeOffer;
    readonly session: Session | undefined;
    readonly socket: Socket;
    readonly backend: LiveBackend;
    readonly signal: AbortSignal;
  },
): Promise<Answered | FaultCode> {
  const { socket, served, signal } = step;
  const answer = await shakeHands(
    socket,
    upgradeRequest(step.request, rememberedId(step.session)),
    {
      timeoutMs: served.timeouts.handshakeMs,
      clock: context.clock,
      signal,
    },
  );
  if (typeof answer === "string") return answer;
  const flaw = answer.head.status === 101 ? findFlaw(step.offer, answer.head) : undefined;
  if (flaw === undefined) {
    served.outlier?.accepted(step.backend);
    return { socket, answer };
  }
  context.logger.warn("backend handshake is not valid", { pool: served.pool.name, flaw });
  socket.destroy();
  return "bad_handshake";
}

/** Passes the backend's answer to the client, and opens the tunnel when it is a 101. */
function answer(
  context: EdgeContext,
  arrival: UpgradeArrival,
  step: {
    readonly served: ServedPool;
    readonly session: Session | undefined;
    readonly reached: Reached<Answered>;
  },
): Outcome {
  const { served, session, reached } = step;
  const { socket: backend, answer } = reached.got;
  const pool = served.pool.name;
  const choice: Choice = { pool, backend: reached.backend.id, reason: reached.reason };
  context.observer.picked(choice);
  if (answer.head.status !== 101) {
    reached.release();
    relayRefusal({ client: arrival.socket, backend, answer }, context);
    return { pool, result: "refused" };
  }
  const connection = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  arrival.socket.write(answerHead(answer.head, connection, session?.setCookie), "latin1");

  const endUse = context.sessionsInUse.begin(rememberedId(session), reached);
  const tunnel = new Tunnel({
    client: arrival.socket,
    backend,
    reserved: reservedBits(extensionNames(answer.head.headers)),
    maxMessageBytes: served.maxMessageBytes,
    idleMs: served.timeouts.idleMs,
    keepaliveMs: served.timeouts.keepaliveMs,
    clock: context.clock,
    random: context.random,
    onEnd: (result) => {
      context.tunnels.delete(tunnel);
      reached.release();
      endUse();
      served.outlier?.ended(reached.backend, isAbnormal(result));
      tunnelEnded(context, choice, { session: rememberedId(session), result });
    },
  });
  context.tunnels.add(tunnel, { served, backend: reached.backend });
  tunnel.start({ fromClient: arrival.early, fromBackend: answer.rest });
  return { pool, result: "accepted" };
}

function tunnelEnded(
  { observer, logger }: EdgeContext,
  choice: Choice,
  end: { readonly session: string | undefined; readonly result: TunnelResult },
): void {
  const { session, result } = end;
  observer.tunnelEnded(choice, result);
  logger.info("tunnel ended", {
    ...choice,
    sessionId: session,
    durationMs: Math.round(result.durationMs),
    closedBy: result.closedBy,
    closeCode: result.closeCode,
    fault: result.fault,
    fromClient: result.fromClient,
    fromBackend: result.fromBackend,
  });
}

function reservedBits(extensions: readonly string[]): ReservedBits {
  if (extensions.length === 0) return "none";
  return extensions.every((name) => name === "permessage-deflate") ? "deflate" : "any";
}
