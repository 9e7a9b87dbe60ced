import { describe, expect, it } from "vitest";
import type { BackendStatus, PoolStatus } from "../../src/admin/pool-status.ts";
import { FixedPorts } from "../../src/cli/workers/fixed-ports.ts";
import { mergeStatus } from "../../src/cli/workers/merge-status.ts";
import { shareLimits } from "../../src/cli/workers/share-limits.ts";
import { checkConfig } from "../../src/config/check.ts";
import type { EdgeConfig, EdgeConfigInput } from "../../src/config/schema.ts";

function configOf(
  addresses: readonly string[],
  pool: Partial<EdgeConfigInput["pools"][string]> = {},
): EdgeConfig {
  return checkConfig({
    listeners: addresses.map((address) => ({ address })),
    routes: [{ pool: "p" }],
    pools: { p: { backends: [{ id: "a", url: "http://127.0.0.1:1" }], ...pool } },
  });
}

function rowOf(changes: Partial<BackendStatus> = {}): BackendStatus {
  const none = { connections: 0, sessions: 0, weight: 1 } as const;
  return { id: "a", url: "http://a", state: "up", health: "healthy", ...none, ...changes };
}

function poolOf(...backends: readonly BackendStatus[]): PoolStatus[] {
  return [{ pool: "p", policy: "ring", backends }];
}

describe("limits among workers", () => {
  it("are divided, rounded up, and absent where there are none", () => {
    const limits = {
      connections: 10,
      pendingHandshakes: 2,
      handshakesPerSecond: 10,
      queuedHandshakes: 7,
    };
    expect(shareLimits(configOf(["h:1"], { limits }), 4).pools["p"]?.limits).toMatchObject({
      connections: 3,
      pendingHandshakes: 1,
      handshakesPerSecond: 2.5,
      queuedHandshakes: 2,
    });
    const without = shareLimits(configOf(["h:1"]), 4).pools["p"]?.limits;
    expect(without?.connections).toBeUndefined();
    expect(without?.handshakesPerSecond).toBeUndefined();
  });
});

describe("ports that the system has chosen", () => {
  it("are the same for workers that come later, and for no other address", () => {
    const config = configOf(["127.0.0.1:0", "127.0.0.1:0", "127.0.0.2:0", "127.0.0.1:80"]);
    const ports = new FixedPorts();
    expect(ports.apply(config)).toEqual(config);
    ports.learn(config, ["127.0.0.1:5001", "127.0.0.1:5002", "127.0.0.2:5003", "127.0.0.1:80"]);
    const portsOf = (given: EdgeConfig): unknown[] =>
      ports.apply(given).listeners.map(({ address }) => ("port" in address ? address.port : ""));
    expect(portsOf(config)).toEqual([5001, 5002, 5003, 80]);
    expect(portsOf(configOf(["127.0.0.2:0", "[::1]:0", "127.0.0.1:0", "unix:/s"]))).toEqual([
      5003,
      0,
      5001,
      "",
    ]);
  });
});

describe("the status of several workers", () => {
  it("has their sums, and the worst that one of them knows", () => {
    const merged = mergeStatus([
      poolOf(rowOf({ connections: 2, sessions: 1 })),
      poolOf(rowOf({ connections: 3, sessions: 2, state: "down", health: "unhealthy" })),
      poolOf(rowOf({ state: "starting" })),
    ]);
    expect(merged).toEqual(
      poolOf(rowOf({ connections: 5, sessions: 3, state: "down", health: "unhealthy" })),
    );
  });

  it("adds drains up", () => {
    const drain = { closed: 1, left: 2, remainingMs: 30 };
    const merged = mergeStatus([
      poolOf(rowOf({ state: "draining", drain })),
      poolOf(rowOf({ state: "draining", drain: { closed: 4, left: 0, remainingMs: 10 } })),
      poolOf(rowOf()),
    ]);
    expect(merged[0]?.backends[0]).toMatchObject({
      state: "draining",
      drain: { closed: 5, left: 2, remainingMs: 30 },
    });
  });

  it("keeps apart backends of one id at two addresses, and pools that only some have", () => {
    const other = { pool: "q", policy: "ring", backends: [] };
    const merged = mergeStatus([poolOf(rowOf()), [...poolOf(rowOf({ url: "http://b" })), other]]);
    expect(merged.map(({ pool, backends }) => [pool, backends.length])).toEqual([
      ["p", 2],
      ["q", 0],
    ]);
  });
});
