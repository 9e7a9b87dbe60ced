import { describe, expect, it } from "vitest";
import { brokers, digestOf, makePlan } from "../history/plan.js";

const RUN = { seed: 7, broker: "redis", faultsMs: 1_800_000 };

const EVERYWHERE = ["edge", "clients", "client", "connection"];
const OWN: Readonly<Record<string, readonly string[]>> = {
  redis: ["node", "broker"],
  nats: ["node", "broker"],
  kafka: ["node", "member", "store"],
};

describe("the plan of a history", () => {
  it("is the same for the same seed, and another for another", () => {
    expect(makePlan(RUN)).toEqual(makePlan(RUN));
    expect(digestOf(makePlan({ ...RUN, seed: 8 }))).not.toBe(digestOf(makePlan(RUN)));
  });

  it.each(brokers)(
    "strikes everything that there is with %s, and nothing twice at once",
    (broker) => {
      const { faults } = makePlan({ ...RUN, broker });
      const busyUntilMs = new Map<string, number>();
      for (const { strikes, target, atMs, forMs } of faults) {
        const struck = `${strikes} ${target}`;
        expect(busyUntilMs.get(struck) ?? 0).toBeLessThan(atMs);
        busyUntilMs.set(struck, atMs + forMs);
      }
      const struck = new Set(faults.map(({ strikes }) => strikes));
      expect(struck).toEqual(new Set([...EVERYWHERE, ...(OWN[broker] ?? [])]));
    },
  );
});
