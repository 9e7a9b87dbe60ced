import type { Socket } from "node:net";
import { describeError } from "../core/errors.ts";
import type { FaultCode } from "../core/fault.ts";
import { proxyHeader, type ProxiedConnection } from "../wire/proxy-protocol.ts";
import { findSession, rememberedId } from "./affinity.ts";
import type { EdgeContext } from "./edge-context.ts";
import { pick } from "./pick.ts";
import { reach } from "./reach.ts";
import type { ServedPool } from "./served-pool.ts";
import { SessionLookup } from "./session-lookup.ts";
import { TcpTunnel } from "./tcp-tunnel.ts";

/** A client of a TCP listener. */
export interface ConnectionArrival {
  /** Paused, with an error handler. */
  readonly socket: Socket;
  /** Who connects to whom, as far as is known: a trusted proxy may have told. */
  readonly connection: ProxiedConnection;
  /** Of the TLS handshake, whether it ends here or is passed through. */
  readonly servername: string | undefined;
  /** Undefined when no pool is for this server name. */
  readonly pool: string | undefined;
}

/**
 * A TCP connection from arrival to tunnel: affinity → pick → dial → bind, as an upgrade takes them.
 * Never rejects: whatever goes wrong ends the connection, and is counted and logged here.
 */
export async function handleConnection(
  context: EdgeContext,
  arrival: ConnectionArrival,
): Promise<void> {
  const { logger, observer } = context;
  const { socket } = arrival;
  const left = new AbortController();
  const onLeft = (): void => left.abort();
  socket.on("close", onLeft);
  if (socket.closed) onLeft();
  const fault = await connect(context, arrival, left.signal).catch((error: unknown): FaultCode => {
    logger.error("connection failed", { cause: describeError(error) });
    return "internal";
  });
  socket.off("close", onLeft);
  if (fault !== undefined) socket.destroy();
  observer.connectionEnded(arrival.pool, fault ?? "accepted");
}

/** @returns why there is no tunnel; undefined when there is one */
async function connect(
  context: EdgeContext,
  arrival: ConnectionArrival,
  signal: AbortSignal,
): Promise<FaultCode | undefined> {
  const { servername } = arrival;
  const served = arrival.pool === undefined ? undefined : context.pools.get(arrival.pool);
  if (served === undefined) return "no_route";
  const clientIp = arrival.connection.source.address;
  const { affinity, sessionKey } = served;
  const session = await findSession(
    affinity,
    { clientIp, servername, request: undefined },
    { name: served.pool.name, sessionKey },
  );
  if (session === "token_rejected") return session;

  const admitted = (await served.admission?.enter(signal)) ?? "admitted";
  if (admitted !== "admitted") return admitted === "storm" ? "too_many_handshakes" : admitted;
  const lookup = new SessionLookup(context);
  const picked = await pick(served, session, { ...context, lookup });
  const reached = await reach<Socket>(served, picked, {
    ...{ context, lookup, signal },
    use: (socket, backend) => {
      served.outlier?.accepted(backend);
      return introduced(socket, served, arrival.connection);
    },
    discard: (backend) => backend.destroy(),
  });
  if (typeof reached === "string") return reached;
  const { backend, reason, got, release } = reached;
  if (signal.aborted || context.isClosing()) {
    got.destroy();
    release();
    return signal.aborted ? "client_gone" : "shutting_down";
  }

  const choice = { pool: served.pool.name, backend: backend.id, reason };
  context.observer.picked(choice);
  const sessionId = rememberedId(session);
  const endUse = context.sessionsInUse.begin(sessionId, reached);
  const tunnel = new TcpTunnel({
    client: arrival.socket,
    backend: got,
    idleMs: served.timeouts.idleMs,
    keepaliveMs: served.timeouts.keepaliveMs,
    clock: context.clock,
    onEnd: (result) => {
      context.tunnels.delete(tunnel);
      release();
      endUse();
      context.observer.tunnelEnded(choice, result);
      context.logger.info("tunnel ended", { ...choice, sessionId, ...result });
    },
  });
  context.tunnels.add(tunnel, { served, backend });
  return undefined;
}

/** Tells the backend who the client is, before any byte of the client's. */
function introduced(
  backend: Socket,
  { proxyProtocol }: ServedPool,
  connection: ProxiedConnection,
): Socket {
  if (proxyProtocol !== undefined) backend.write(proxyHeader(proxyProtocol, connection));
  return backend;
}
