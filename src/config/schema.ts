import { z } from "zod";
import { affinityEntry } from "../proxy/affinity/index.ts";
import { headerName } from "../proxy/affinity/header.ts";
import { probes, type ProbeKind } from "../health/index.ts";
import { policies, type PolicyName } from "../policy/index.ts";
import { cidr, duration, size, socketAddress } from "./quantities.ts";
import { backendUrl } from "./backend-url.ts";
import { findMismatches } from "./mismatches.ts";
import { redisUrl } from "./redis-url.ts";

const MAX_ID_LENGTH = 128;

const timeSpan = duration.refine((ms) => ms > 0, { error: "must be longer than 0" });

const tls = z
  .strictObject({
    certificates: z
      .array(z.strictObject({ cert: z.string().min(1), key: z.string().min(1) }))
      .min(1, "needs at least one certificate: { cert: FILE, key: FILE }"),
    minVersion: z.enum(["TLSv1.2", "TLSv1.3"]).default("TLSv1.2"),
    clientCa: z.string().min(1).optional(),
  })
  .readonly();

const hostPattern = z
  .string()
  .regex(
    /^(\*\.)?[A-Za-z0-9._-]+$|^\[[0-9A-Fa-f:.]+\]$/,
    "must be a host name without port, such as chat.example.com or *.example.com",
  )
  .toLowerCase();

const listener = z.strictObject({
  address: socketAddress,
  mode: z.enum(["http", "tcp"]).default("http"),
  tls: tls.optional(),
  trustedProxies: z.array(cidr).default([]),
  proxyProtocol: z.boolean().default(false),
  /** Of a TCP listener: where connections go whose server name is not in `sni`. */
  pool: z.string().optional(),
  /** Of a TCP listener: server names to pools. */
  sni: z.record(hostPattern, z.string()).optional(),
});

const origin = z
  .string()
  .regex(/^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+$/, "must be an origin, such as https://example.com");

const route = z.strictObject({
  host: hostPattern.optional(),
  path: z.string().startsWith("/", "must begin with /, such as /ws").optional(),
  headers: z.record(headerName, z.string()).optional(),
  pool: z.string(),
  origins: z.array(origin).optional(),
});

/** One member of a pool. */
export const backend = z.strictObject({
  id: z
    .string()
    .min(1)
    .max(MAX_ID_LENGTH)
    .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]*$/, "must be letters, digits, dots, dashes, colons"),
  url: backendUrl,
  weight: z.number().positive().max(100).default(1),
});

const policyNames = Object.keys(policies) as [PolicyName, ...PolicyName[]];

const discovery = z.strictObject({
  /** Backends that announced themselves: in the session store's Redis, or in another. */
  redis: z
    .union([
      z.literal(true),
      z.strictObject({
        url: redisUrl,
        password: z.string().min(1).optional(),
        tls: section(z.strictObject({ ca: z.string().min(1).optional() })),
        prefix: z.string().max(128).default("ringway:"),
      }),
    ])
    .optional(),
  dns: z
    .strictObject({
      name: z.string().min(1).max(253),
      /** Of the A and AAAA records' hosts; without it SRV records are asked for. */
      port: z.number().int().min(1).max(65_535).optional(),
      scheme: z.enum(["http", "https", "tcp", "tls"]).default("http"),
      every: timeSpan.default(5_000),
    })
    .optional(),
  /** A YAML or JSON list of backends, watched. */
  file: z.string().min(1).optional(),
});

const count = z.number().int().positive();

/** Close codes that an endpoint may send, but for those with a meaning of their own here. */
const closeCode = z
  .number()
  .int()
  .refine((code) => [1001, 1012, 1013].includes(code) || (code >= 3000 && code <= 4999), {
    error: "must be 1001, 1012, 1013 or from 3000 to 4999 (RFC 6455 §7.4)",
  });

const health = z.strictObject({
  kind: z.enum(Object.keys(probes) as [ProbeKind, ...ProbeKind[]]).default("http"),
  path: z.string().startsWith("/", "must begin with /, such as /healthz").default("/healthz"),
  every: timeSpan.default(2_000),
  timeout: timeSpan.default(1_000),
  unhealthyAfter: count.default(3),
  healthyAfter: count.default(2),
});

const outlier = z.strictObject({
  consecutiveFailures: count.default(5),
  ejectFor: timeSpan.default(30_000),
  maxEjectedPercent: z.number().min(0).max(100).default(50),
});

const limits = z.strictObject({
  /** Of one backend: tunnels, handshakes and requests together. */
  connections: count.optional(),
  /** Of one backend: upgrades that are not answered yet. */
  pendingHandshakes: count.optional(),
  handshakesPerSecond: z.number().positive().max(1_000_000).optional(),
  queuedHandshakes: z.number().int().min(0).default(1_000),
  messageBytes: size.default(1024 * 1024),
});

const pool = z.strictObject({
  policy: z.enum(policyNames).default("ring"),
  maxLoad: z.number().min(1, "must be at least 1: a multiple of the average").optional(),
  affinity: z.array(affinityEntry).default([]),
  backends: z.array(backend).default([]),
  discovery: discovery.optional(),
  health: health.optional(),
  outlier: outlier.optional(),
  slowStart: duration.default(0),
  drain: section(
    z.strictObject({ over: duration.default(30_000), closeCode: closeCode.default(1012) }),
  ),
  /** Between the edge's pings to a silent peer; 0 for none. */
  keepalive: duration.default(30_000),
  limits: section(limits),
  timeouts: section(
    z.strictObject({
      connect: timeSpan.default(5_000),
      handshake: timeSpan.default(10_000),
      /** How long a handshake may wait for its turn; see `limits.handshakesPerSecond`. */
      queue: timeSpan.default(5_000),
      idle: timeSpan.default(3_600_000),
    }),
  ),
  tls: section(z.strictObject({ ca: z.string().min(1).optional() })),
  /** What backends of a TCP listener are told of the client. */
  proxyProtocol: z.enum(["v1", "v2"]).optional(),
});

const secret = z.string().min(16, "must have at least 16 characters, better 32 random ones");

const anyStore = z.strictObject({
  /** How long a session stays bound after its last use. */
  ttl: timeSpan.default(3_600_000),
  /** The same after its last tunnel has ended; as long as `ttl` when absent. */
  grace: duration.optional(),
  /** Keys the hash that makes session ids; the last of `secret` when absent. */
  secret: secret.optional(),
});

const sessions = z.union([
  anyStore.extend({
    store: z.literal("memory").default("memory"),
    limit: z.number().int().positive().default(1_000_000),
  }),
  anyStore.extend({
    store: z.literal("redis"),
    url: redisUrl,
    password: z.string().min(1).optional(),
    tls: section(z.strictObject({ ca: z.string().min(1).optional() })),
    deadline: timeSpan.default(50),
    prefix: z.string().max(128).default("ringway:"),
  }),
]);

/** A configuration file, by the names that operators write. Values are parsed, defaults applied. */
export const configSchema = z
  .strictObject({
    listeners: z.array(listener).min(1, "needs at least one listener: { address: HOST:PORT }"),
    routes: z.array(route).default([]),
    pools: z.record(
      z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "is no name for a pool"),
      pool,
    ),
    sessions: section(sessions),
    secret: z.union([secret, z.array(secret).min(1)]).optional(),
    admin: z
      .strictObject({
        address: socketAddress,
        token: secret.regex(/^[\x21-\x7e]+$/, "must be of ASCII, without spaces").optional(),
      })
      .optional(),
    workers: z.union([z.literal("auto"), count.max(1024)]).default(1),
  })
  .superRefine((config, context) => {
    for (const { path, message } of findMismatches(config)) {
      context.addIssue({ code: "custom", path: [...path], message });
    }
  });

/** What `startEdge` takes: a whole configuration, checked. */
export type EdgeConfig = z.output<typeof configSchema>;
/** A configuration as a program may write it, before defaults. */
export type EdgeConfigInput = z.input<typeof configSchema>;

/** All secrets, the one that signs first; none when none is configured. */
export function secretsOf({ secret }: EdgeConfig): string[] {
  return secret === undefined ? [] : [secret].flat();
}

/** A mapping that may be left out: its own defaults then apply. */
function section<T extends z.ZodType>(schema: T): z.ZodPrefault<T> {
  return schema.prefault({} as z.input<T>);
}
