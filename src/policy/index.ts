import { BoundedRingPolicy } from "./bounded-ring.ts";
import { LeastConnectionsPolicy } from "./least-connections.ts";
import type { Policy, PolicyOptions } from "./policy.ts";
import { RandomTwoPolicy } from "./random-two.ts";
import { RingPolicy } from "./ring.ts";
import { RoundRobinPolicy } from "./round-robin.ts";

/** Every policy by the name that configuration uses. A new one is a file and a line here. */
export const policies = {
  ring: ({ maxLoad }): Policy =>
    maxLoad === undefined ? new RingPolicy() : new BoundedRingPolicy(maxLoad),
  "round-robin": (): Policy => new RoundRobinPolicy(),
  "least-connections": (): Policy => new LeastConnectionsPolicy(),
  "random-two": ({ random }): Policy => new RandomTwoPolicy(random),
} as const satisfies Record<string, (options: PolicyOptions) => Policy>;

export type PolicyName = keyof typeof policies;
