import { describe, expect, it } from "vitest";
import { Crowd } from "../support/crowd.ts";
import { startTestEdge, type TestEdge } from "../support/edge.ts";
import { startFleet } from "../support/fleet.ts";
import { until } from "../support/until.ts";

const IDS = ["a", "b", "c", "d", "e"];
const CLIENTS = 1_000;
const affinity = [{ token: { query: "session" } }];

async function post(edge: TestEdge, backend: string, verb: string): Promise<void> {
  const path = `/api/pools/test/backends/${backend}/${verb}`;
  const response = await fetch(edge.admin + path, { method: "POST" });
  expect(response.status).toBe(200);
}

function row(edge: TestEdge, id: string) {
  const found = edge.edge.status()[0]?.backends.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no row for ${id}`);
  return found;
}

describe("a rolling deploy under 1,000 clients", () => {
  it("shows them nothing but Close 1012, and fails no reconnect", { timeout: 90_000 }, async () => {
    const fleet = await startFleet(IDS);
    const edge = await startTestEdge(fleet, { affinity, drain: { over: "2s" } });
    const crowd = new Crowd({ url: edge.ws, size: CLIENTS });
    await crowd.allConnected();
    for (const backend of fleet) {
      await post(edge, backend.id, "drain");
      await until(`${backend.id} is empty`, () => row(edge, backend.id).connections === 0);
      expect(row(edge, backend.id).state).toBe("draining");
      await backend.kill("SIGTERM");
      await backend.start();
      await post(edge, backend.id, "undrain");
    }
    await crowd.allConnected();
    expect([...crowd.closes.keys()]).toEqual([1012]);
    expect(crowd.failures).toEqual([]);
    expect(crowd.returned).toBeGreaterThan(CLIENTS / 2);
    for (const { id } of fleet) expect(row(edge, id).state).toBe("up");
  });
});
