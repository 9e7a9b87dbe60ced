import { describe, expect, it } from "vitest";
import { HealthChecks, type HealthCheckOptions } from "../../src/health/health-checks.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { backendAt, member, messages, poolOf } from "../support/live-pool.ts";

const EVERY_MS = 1_000;

function setUp(options: Partial<HealthCheckOptions> = {}) {
  const clock = new FakeClock();
  const pool = poolOf("a");
  const { logger, lines } = messages();
  const asked: { id: string; atMs: number; settle: (cause: string | undefined) => void }[] = [];
  const recovered: string[] = [];
  let fraction = 0.5;
  const checks = new HealthChecks({
    pool,
    probe: ({ id }, { signal }) =>
      new Promise((settle) => {
        signal.addEventListener("abort", () => settle("aborted"));
        asked.push({ id, atMs: clock.nowMs(), settle });
      }),
    ...{ path: "/", tls: {}, everyMs: EVERY_MS, timeoutMs: 500 },
    ...{ unhealthyAfter: 3, healthyAfter: 2, clock, logger },
    random: { fraction: () => fraction, bytes: () => Buffer.alloc(0), uuid: () => "" },
    onChecked: () => undefined,
    onRecovered: ({ id }) => void recovered.push(id),
    ...options,
  });
  /** The next check of `a` begins and ends. */
  const check = async (cause?: string): Promise<string> => {
    const before = asked.length;
    for (let i = 0; asked.length === before && i < 1_000; i++) clock.advance(10);
    asked.at(-1)?.settle(cause);
    await new Promise((resolve) => setImmediate(resolve));
    return member(pool, "a").health;
  };
  const draw = (value: number): void => {
    fraction = value;
  };
  return { clock, pool, checks, asked, recovered, check, lines, draw };
}

describe("health checks", () => {
  it("count a backend as up until its first check fails", async () => {
    const { pool, check } = setUp();
    expect(member(pool, "a").serves).toBe(true);
    expect(await check("ECONNREFUSED")).toBe("unhealthy");
    expect([member(pool, "a").serves, member(pool, "a").state]).toEqual([false, "down"]);
  });

  it("take it out after as many failures in a row as are configured, and bring it back likewise", async () => {
    const { check, recovered, lines } = setUp();
    expect(await check()).toBe("healthy");
    const healths = [];
    for (const cause of [
      "x",
      "x",
      undefined,
      "x",
      "x",
      "x",
      undefined,
      "x",
      undefined,
      undefined,
    ]) {
      healths.push((await check(cause)) === "healthy" ? "+" : "-");
    }
    expect(healths.join("")).toBe("+++++----+");
    expect(recovered).toEqual(["a"]);
    expect(lines).toEqual(["backend unhealthy", "backend healthy"]);
  });

  it("begin within a period, then keep to it but for a tenth, each after the end of the one before", async () => {
    const { clock, asked, draw } = setUp();
    clock.advance(499);
    expect(asked).toHaveLength(0);
    clock.advance(1);
    expect(asked).toHaveLength(1);
    clock.advance(60_000);
    expect(asked).toHaveLength(1);
    for (const [drawn, expected] of [
      [0, 900],
      [0.999999, 1_100],
    ] as const) {
      draw(drawn);
      asked.at(-1)?.settle(undefined);
      await new Promise((resolve) => setImmediate(resolve));
      const ended = clock.nowMs();
      const count = asked.length;
      for (let i = 0; asked.length === count && i < 10_000; i++) clock.advance(1);
      expect(clock.nowMs() - ended).toBeGreaterThanOrEqual(expected - 1);
      expect(clock.nowMs() - ended).toBeLessThanOrEqual(expected + 1);
    }
  });

  it("follow those who join and leave, and leave nothing behind when they end", async () => {
    const { clock, pool, asked, checks } = setUp();
    const a = member(pool, "a");
    pool.replace([backendAt("b")]);
    clock.advance(5_000);
    expect(asked.map(({ id }) => id)).toEqual(["b"]);
    pool.replace([backendAt("a"), backendAt("b")]);
    clock.advance(500);
    expect(asked.map(({ id }) => id)).toEqual(["b", "a"]);
    pool.replace([backendAt("b")]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(a.health).toBe("unknown");
    checks[Symbol.dispose]();
    await new Promise((resolve) => setImmediate(resolve));
    expect(clock.timers).toBe(0);
  });
});
