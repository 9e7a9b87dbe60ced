interface Fault {
  readonly atMs: number;
  readonly kind: string;
  readonly strikes: string;
  readonly target: number;
  readonly forMs: number;
}

interface Plan {
  readonly faults: readonly Fault[];
}

export const brokers: readonly string[];
export function makePlan(options: {
  readonly seed: number;
  readonly broker: string;
  readonly faultsMs: number;
}): Plan;
export function digestOf(plan: Plan): string;
