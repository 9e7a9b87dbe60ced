import { describe, expect, it } from "vitest";
import { Crowd } from "../support/crowd.ts";
import { startTestEdge } from "../support/edge.ts";
import { startFleet } from "../support/fleet.ts";
import { until } from "../support/until.ts";

const CLIENTS = 900;
const MAX_LOAD = 1.25;
const affinity = [{ token: { query: "session" } }];

describe("one of three backends that is killed under 900 clients", () => {
  it(
    "loses all of them to the other two, within the bound of maxLoad",
    { timeout: 60_000 },
    async () => {
      const fleet = await startFleet(["a", "b", "c"]);
      const edge = await startTestEdge(fleet, { affinity, maxLoad: MAX_LOAD });
      const crowd = new Crowd({ url: edge.ws, size: CLIENTS });
      await crowd.allConnected();
      await fleet[0]?.kill();
      await until("its clients have noticed", () => crowd.returned > 0);
      await crowd.allConnected();
      expect([...crowd.closes.keys()]).toEqual([1012]);
      expect(crowd.failures).toEqual([]);
      const { spread } = crowd;
      expect([...spread.keys()].sort()).toEqual(["b", "c"]);
      for (const count of spread.values()) {
        expect(count).toBeLessThanOrEqual(Math.ceil((MAX_LOAD * CLIENTS) / 2));
      }
      // A dead backend is tried once a second at most, whatever comes.
      const failed = await edge.metric("ringway_dial_failures_total", { backend: "a" });
      expect(failed).toBeLessThan(20);
    },
  );
});

describe("a backend that is frozen", () => {
  it(
    "is found by its checks; handshakes that wait for it go on to the next",
    { timeout: 60_000 },
    async () => {
      const fleet = await startFleet(["a", "b", "c"]);
      const edge = await startTestEdge(fleet, {
        affinity,
        health: { every: "200ms", timeout: "200ms", unhealthyAfter: 2, healthyAfter: 1 },
        timeouts: { handshake: "2s" },
        keepalive: "0s",
      });
      await until("all are checked", () =>
        edge.edge.backends("test").every(({ state }) => state === "up"),
      );
      const [frozen] = fleet;
      frozen?.freeze();
      // Its system still accepts: only the handshake's time-out, or the checks, tell.
      const crowd = new Crowd({ url: edge.ws, size: 60 });
      await crowd.allConnected();
      expect([...crowd.spread.keys()].sort()).toEqual(["b", "c"]);
      expect(crowd.failures).toEqual([]);
      await until("it is found", () => edge.edge.backends("test")[0]?.state === "down");
      const tried = await edge.metric("ringway_dial_failures_total", { backend: "a" });
      const late = new Crowd({ url: edge.ws, size: 60 });
      await late.allConnected();
      expect([...late.spread.keys()].sort()).toEqual(["b", "c"]);
      expect(await edge.metric("ringway_dial_failures_total", { backend: "a" })).toBe(tried);

      frozen?.thaw();
      await until("it is back", () => edge.edge.backends("test")[0]?.state === "up");
    },
  );
});
