import { z } from "zod";
import type { Environment } from "../../src/config/environment.ts";
import { duration } from "../../src/config/quantities.ts";
import { problemsOf } from "./config-problems.ts";

const affinity = z.union([
  z.strictObject({
    token: z.union([z.strictObject({ query: z.string() }), z.strictObject({ header: z.string() })]),
  }),
  z.strictObject({
    cookie: z.strictObject({ name: z.string().min(1), insert: z.boolean().default(false) }),
  }),
  z.strictObject({ header: z.string().regex(/^[a-z-]+$/, "must be a header name") }),
  z.literal("ip"),
]);

const sessions = z.union([
  z.strictObject({ store: z.literal("memory").default("memory"), ttl: duration.optional() }),
  z.strictObject({ store: z.literal("redis"), url: z.string(), ttl: duration.optional() }),
]);

const pool = z
  .strictObject({
    policy: z.enum(["ring", "round-robin", "least-connections", "random-two"]).default("ring"),
    maxLoad: z.number().min(1).optional(),
    affinity: z.array(affinity).default([]),
    backends: z.array(
      z.strictObject({ id: z.string(), weight: z.number().int().positive().default(1) }),
    ),
    timeouts: z
      .strictObject({ idle: z.union([duration, z.literal("never")]).optional() })
      .prefault({}),
  })
  .transform((options) => ({ ...options, made: true }))
  .readonly();

/** The shapes that configurations are made of: free keys, alternatives, defaults, checks across keys. */
export const sampleSchema = z
  .strictObject({
    pools: z.record(z.string().regex(/^[a-z]+$/, "is no name for a pool"), pool),
    routes: z
      .array(z.strictObject({ pool: z.string(), path: z.string().startsWith("/").optional() }))
      .min(1),
    sessions: sessions.optional(),
    secret: z.string().min(16, "must have at least 16 characters").optional(),
    workers: z.union([z.literal("auto"), z.number().int().positive()]).optional(),
  })
  .superRefine(({ pools, routes }, context) => {
    routes.forEach((route, index) => {
      if (Object.hasOwn(pools, route.pool)) return;
      const message = `names no pool: "${route.pool}"`;
      context.addIssue({ code: "custom", path: ["routes", index, "pool"], message });
    });
  });

/** In a file that is right but for these lines, the problems and their places: in a pool, from line 5 on. */
export function problemsInPool(lines: string, env: Environment = {}): string[] {
  return problemsOf(
    `routes: [{ pool: chat }]\npools:\n  chat:\n    backends: [{ id: a }]\n${lines}`,
    sampleSchema,
    env,
  );
}

/** The same beside the pools, from line 3 on. */
export function problemsAtTop(lines: string, env: Environment = {}): string[] {
  return problemsOf(
    `routes: [{ pool: chat }]\npools: { chat: { backends: [] } }\n${lines}`,
    sampleSchema,
    env,
  );
}
