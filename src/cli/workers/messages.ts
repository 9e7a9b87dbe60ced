import type { MetricObjectWithValues, MetricValue } from "prom-client";
import type { PoolStatus } from "../../admin/pool-status.ts";
import type { EdgeConfig } from "../../config/schema.ts";

/** As much as Prometheus reads of one worker. */
export type WorkerMetrics = MetricObjectWithValues<MetricValue<string>>[];

/** What a worker is to do. Each is answered under its number. */
export type Order =
  | {
      readonly do: "start";
      readonly config: EdgeConfig;
      /** Where the configuration's relative file names begin. */
      readonly directory: string;
      /** Pools and backends that operators have drained before it was there. */
      readonly drained: readonly (readonly [pool: string, backend: string])[];
    }
  | { readonly do: "reload"; readonly config: EdgeConfig }
  | { readonly do: "drain" | "undrain"; readonly pool: string; readonly backend: string }
  | { readonly do: "status" | "metrics" | "close" };

export interface Asked {
  readonly number: number;
  readonly order: Order;
}

/** What each order is answered with. */
export interface Answers {
  /** The addresses that it listens at. */
  readonly start: readonly string[];
  readonly reload: readonly string[];
  readonly drain: boolean;
  readonly undrain: boolean;
  readonly status: PoolStatus[];
  readonly metrics: WorkerMetrics;
  readonly close: undefined;
}

/** What a worker says: that it listens to orders, then the answer to each. */
export type Answer =
  | "ready"
  | { readonly number: number; readonly value: Answers[keyof Answers] }
  | { readonly number: number; readonly failed: string };
