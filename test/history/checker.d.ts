/** An event of a run's history; see `checker.js` for the fields of each type. */
export interface HistoryEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface CheckedPlan {
  readonly channels: readonly string[];
  readonly sessions: readonly {
    readonly name: string;
    readonly joins: readonly { readonly channel: number; readonly delivery: string }[];
  }[];
  readonly streams: readonly {
    readonly publisher: number;
    readonly channel: number;
    readonly delivery: string;
  }[];
}

export class Checker {
  constructor(plan: CheckedPlan);
  readonly violations: {
    readonly count: number;
    readonly counts: Readonly<Record<string, number>>;
  };
  readonly counts: Readonly<Record<string, number>>;
  readonly published: number;
  readonly confirmed: number;
  observe(event: HistoryEvent): void;
  conclude(): { readonly kept: number; readonly live: number };
}
