import type { Policy } from "./policy.ts";
import { RingPolicy } from "./ring.ts";

/** Every policy by the name that configuration uses. A new one is a file and a line here. */
export const policies = {
  ring: (): Policy => new RingPolicy(),
} as const satisfies Record<string, () => Policy>;

export type PolicyName = keyof typeof policies;
