import type { connect as connectNats, NatsConnection } from "@nats-io/transport-node";
import { describeError } from "../../core/errors.ts";
import { FleetError } from "../fleet-error.ts";
import type { Broker, BrokerContext } from "./broker.ts";
import { parseBrokerUrl, type BrokerUrl } from "./broker-url.ts";
import { NatsBus } from "./nats-bus.ts";
import { openStreams } from "./nats-streams.ts";
import { loadOptional } from "./optional-package.ts";

const PORT = 4222;
const CONNECT_MS = 5_000;
/** Two that are not answered end a connection: a server that hangs is left within this twice. */
const PING_MS = 1_000;
const RETRY_MS = 200;

/** NATS: core subjects for the bus; JetStream, where it is on, for all that is kept. */
export async function openNats(url: string, context: BrokerContext): Promise<Broker> {
  const packages = "@nats-io/transport-node @nats-io/jetstream";
  const target = parseBrokerUrl(url, "nats", PORT);
  const { connect, ...loaded } = await loadOptional(
    async () => {
      const { connect, headers } = await import("@nats-io/transport-node");
      return { connect, headers, jetstream: await import("@nats-io/jetstream") };
    },
    { scheme: "nats", packages },
  );
  const connection = await connectTo(connect, target, context);
  const { namespace, clock, logger } = context;
  const bus = new NatsBus(connection, { prefix: `${namespace}.channel.`, clock, logger });
  const faces = await openStreams(loaded, connection, context).catch(async (cause: unknown) => {
    await connection.close();
    const reason = describeError(cause);
    throw new FleetError("broker_away", `${target.name}: JetStream does not answer (${reason})`, {
      cause,
    });
  });
  return {
    name: target.name,
    bus,
    log: faces?.log,
    store: faces?.store,
    cursors: faces?.cursors,
    missing: faces === undefined ? ALL_MISSING : {},
    async [Symbol.asyncDispose]() {
      bus.close();
      await connection.close();
    },
  };
}

const WITHOUT_JETSTREAM = "JetStream is off there; start nats-server with -js";
const ALL_MISSING = {
  log: WITHOUT_JETSTREAM,
  store: WITHOUT_JETSTREAM,
  cursors: WITHOUT_JETSTREAM,
};

async function connectTo(
  connect: typeof connectNats,
  target: BrokerUrl,
  { nodeId, password, ca, logger }: BrokerContext,
): Promise<NatsConnection> {
  const secret = password ?? target.password;
  try {
    const connection = await connect({
      servers: [...target.hosts],
      name: nodeId,
      timeout: CONNECT_MS,
      pingInterval: PING_MS,
      maxPingOut: 2,
      maxReconnectAttempts: -1,
      reconnectTimeWait: RETRY_MS,
      reconnectJitter: RETRY_MS,
      reconnectJitterTLS: RETRY_MS,
      // A broker that restarts may refuse a password while it loads its accounts.
      ignoreAuthErrorAbort: true,
      ...(target.username !== undefined && { user: target.username }),
      ...(secret !== undefined && { pass: secret }),
      ...(target.tls && { tls: ca === undefined ? {} : { ca } }),
    });
    void connection.closed().then((error) => {
      if (error instanceof Error) logger.error("nats gave up", { cause: describeError(error) });
    });
    return connection;
  } catch (cause) {
    throw new FleetError(
      "broker_away",
      `${target.name} can't be reached (${describeError(cause)}): is it up, and the URL right?`,
      { cause },
    );
  }
}
