import { policies } from "../policy/index.ts";
import { Admission } from "../proxy/admission.ts";
import { affinitySource } from "../proxy/affinity/index.ts";
import type { ServedPool } from "../proxy/served-pool.ts";
import { OutlierEjection } from "../upstream/outlier-ejection.ts";
import type { BackendTls } from "../upstream/dial.ts";
import type { Pool } from "../upstream/pool.ts";
import type { Services } from "./open-redis.ts";
import type { EdgeConfig } from "./schema.ts";

export type PoolConfig = EdgeConfig["pools"][string];

export interface PoolSecrets {
  /** The first signs cookies, all of them are believed. */
  readonly secrets: readonly [string, ...string[]];
  /** Keys the hash that makes session ids. */
  readonly sessionKey: string;
}

export interface ServePoolContext extends Services, PoolSecrets {
  readonly pool: Pool;
  readonly tls: BackendTls;
  readonly onEjected: () => void;
}

/**
 * Makes the steps of a request through one pool from its configuration.
 *
 * @returns what has to be closed by {@link closeServed}
 * @throws StartError when a file that it needs can't be used
 */
export async function servePool(
  options: PoolConfig,
  context: ServePoolContext,
): Promise<ServedPool> {
  const { random, sessionKey, pool, tls } = context;
  const { maxLoad, timeouts, limits, slowStart, drain } = options;
  const policy = policies[options.policy]({ random, maxLoad });
  const affinity = await Promise.all(
    options.affinity.map((entry) => affinitySource(entry, { ...context, pool: pool.name })),
  );
  return {
    pool,
    policyName: options.policy,
    policy,
    fallbackPolicy:
      options.policy === "ring" ? policy : policies.ring({ random, maxLoad: undefined }),
    affinity,
    sessionKey,
    timeouts: {
      connectMs: timeouts.connect,
      handshakeMs: timeouts.handshake,
      idleMs: timeouts.idle,
      keepaliveMs: options.keepalive === 0 ? Infinity : options.keepalive,
    },
    maxMessageBytes: limits.messageBytes,
    limits: {
      connections: limits.connections ?? Infinity,
      pendingHandshakes: limits.pendingHandshakes ?? Infinity,
    },
    admission: admissionOf(options, context),
    slowStartMs: slowStart,
    outlier: outlierOf(options, context),
    drain: { overMs: drain.over, closeCode: drain.closeCode },
    tls,
    proxyProtocol: options.proxyProtocol,
  };
}

/** Releases all that {@link servePool} has made. */
export function closeServed({ affinity, admission, outlier }: ServedPool): void {
  for (const source of affinity) source.close?.();
  admission?.[Symbol.dispose]();
  outlier?.[Symbol.dispose]();
}

function admissionOf(
  { limits, timeouts }: PoolConfig,
  { clock }: ServePoolContext,
): Admission | undefined {
  const { handshakesPerSecond: perSecond, queuedHandshakes: maxQueued } = limits;
  if (perSecond === undefined) return undefined;
  return new Admission({ perSecond, maxQueued, maxWaitMs: timeouts.queue, clock });
}

function outlierOf(
  { outlier, slowStart }: PoolConfig,
  { clock, logger, pool, onEjected }: ServePoolContext,
): OutlierEjection | undefined {
  if (outlier === undefined) return undefined;
  return new OutlierEjection({
    consecutiveFailures: outlier.consecutiveFailures,
    ejectForMs: outlier.ejectFor,
    maxEjectedPercent: outlier.maxEjectedPercent,
    ...{ pool, clock, logger, onEjected },
    onReturned: (backend) => backend.startSlowly(clock.nowMs(), slowStart),
  });
}
