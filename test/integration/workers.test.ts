import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { PoolStatus } from "../../src/admin/pool-status.ts";
import { temporaryDirectory } from "../support/certificate.ts";
import { ringway, serve, type Serving } from "../support/cli.ts";
import { openClient } from "../support/client.ts";
import { Crowd } from "../support/crowd.ts";
import { startFleet, type FleetBackend } from "../support/fleet.ts";
import { until } from "../support/until.ts";

const WORKERS = 3;
const CLIENTS = 300;

interface Fleet extends Serving {
  readonly admin: string;
  readonly file: string;
  readonly pids: () => number[];
}

function text(fleet: readonly FleetBackend[], more = ""): string {
  const backends = fleet.map(({ id, url }) => `{ id: ${id}, url: "${url}" }`).join(", ");
  return `
listeners: [{ address: "127.0.0.1:0" }]
routes: [{ pool: p }]
pools:
  p:
    affinity: [{ token: { query: session } }]
    backends: [${backends}]
    drain: { over: 1s }
    ${more}
secret: "only for tests, 32 characters..."
workers: ${WORKERS}
admin: { address: "127.0.0.1:0", token: "a-token-of-eighteen" }
`;
}

async function startWorkers(fleet: readonly FleetBackend[]): Promise<Fleet> {
  const file = join(await temporaryDirectory(), "edge.yaml");
  await writeFile(file, text(fleet));
  const serving = await serve(["-c", file]);
  const started = () => serving.lines.filter(({ msg }) => msg === "worker started");
  await until("all workers run", () => started().length === WORKERS);
  await until("admin listens", () => serving.lines.some(({ msg }) => msg === "admin listening"));
  const admin = serving.lines.find(({ msg }) => msg === "admin listening")?.["address"];
  return {
    ...serving,
    admin: String(admin),
    file,
    pids: () => started().map(({ pid }) => Number(pid)),
  };
}

async function get(edge: Fleet, path: string): Promise<Response> {
  const headers = { Authorization: "Bearer a-token-of-eighteen" };
  return fetch(`http://${edge.admin}${path}`, { headers });
}

describe("several workers", { timeout: 90_000 }, () => {
  it("serve one address, agree on sessions, and are watched at one address", async () => {
    const fleet = await startFleet(["a", "b", "c"]);
    const edge = await startWorkers(fleet);
    const url = `ws://${edge.address}`;
    const crowd = new Crowd({ url, size: CLIENTS });
    await crowd.allConnected();
    for (let i = 0; i < 20; i++) {
      const again = await openClient(`${url}/?session=same`);
      expect(await again.text()).toBe(await (await openClient(`${url}/?session=same`)).text());
    }
    const metrics = await (await get(edge, "/metrics")).text();
    expect(metrics).toMatch(/^ringway_workers 3$/m);
    expect(metrics).toMatch(/^ringway_backend_up\{pool="p",backend="a"\} 1$/m);
    const pools = (await (await get(edge, "/api/pools")).json()) as PoolStatus[];
    const open = pools[0]?.backends.reduce((sum, { connections }) => sum + connections, 0);
    expect(open).toBe(CLIENTS + 40);
    expect((await fetch(`http://${edge.admin}/metrics`)).status).toBe(401);
    expect((await fetch(`http://${edge.admin}/readyz`)).status).toBe(200);
  });

  it("lose only the connections of one that is killed, which is back soon", async () => {
    const fleet = await startFleet(["a", "b"]);
    const edge = await startWorkers(fleet);
    const crowd = new Crowd({ url: `ws://${edge.address}`, size: CLIENTS });
    await crowd.allConnected();
    const [pid = 0] = edge.pids();
    process.kill(pid, "SIGKILL");
    await until("another has started", () => edge.pids().length === WORKERS + 1);
    await until("its clients have noticed", () => crowd.returned > 0);
    await crowd.allConnected();
    expect([...crowd.closes.keys()]).toEqual([1006]);
    expect(crowd.returned).toBeLessThan(CLIENTS);
    expect(edge.lines.find(({ msg }) => msg === "worker ended")).toMatchObject({
      pid,
      how: "SIGKILL",
    });
    expect(await (await get(edge, "/metrics")).text()).toMatch(
      /^ringway_worker_restarts_total 1$/m,
    );
  });

  it("drain a backend together, also those that start later, and show it", async () => {
    const fleet = await startFleet(["a", "b"]);
    const edge = await startWorkers(fleet);
    const crowd = new Crowd({ url: `ws://${edge.address}`, size: CLIENTS });
    await crowd.allConnected();
    const flags = ["--admin", edge.admin, "--token", "a-token-of-eighteen"];
    const drained = await ringway(["drain", "a", "--wait", ...flags]);
    expect(drained).toMatchObject({ code: 0, stderr: "" });
    expect(drained.stdout).toContain("a in pool p is empty");
    await crowd.allConnected();
    expect([...crowd.closes.keys()]).toEqual([1012]);
    expect([...crowd.spread.keys()]).toEqual(["b"]);
    const [pid = 0] = edge.pids();
    process.kill(pid, "SIGKILL");
    await until("another has started", () => edge.pids().length === WORKERS + 1);
    await crowd.allConnected();
    expect([...crowd.spread.keys()]).toEqual(["b"]);
    const status = await ringway(["status", ...flags]);
    expect(status.stdout).toMatch(/^ {2}a +draining +0 .* empty$/m);
    expect(status.stdout).toMatch(/^ {2}b +up +300 /m);
    expect((await ringway(["undrain", "a", ...flags])).code).toBe(0);
    expect((await ringway(["drain", "nobody", ...flags])).stderr).toContain("no pool has");
  });

  it("are replaced one by one on SIGUSR2 without a closed port", async () => {
    const fleet = await startFleet(["a", "b"]);
    const edge = await startWorkers(fleet);
    const before = edge.pids();
    const crowd = new Crowd({ url: `ws://${edge.address}`, size: CLIENTS });
    await crowd.allConnected();
    edge.child.kill("SIGUSR2");
    await until("all are replaced", () =>
      edge.lines.some(({ msg }) => msg === "rolling restart done"),
    );
    await crowd.allConnected();
    expect(crowd.failures).toEqual([]);
    expect([...crowd.closes.keys()]).toEqual([1001]);
    expect(edge.pids()).toHaveLength(2 * WORKERS);
    for (const pid of before) expect(() => process.kill(pid, 0)).toThrow();
  });

  it("reload together, all or none", async () => {
    const fleet = await startFleet(["a", "b"]);
    const edge = await startWorkers(fleet.slice(0, 1));
    const crowd = new Crowd({ url: `ws://${edge.address}`, size: 30 });
    await crowd.allConnected();
    await writeFile(edge.file, text(fleet.slice(1)));
    edge.child.kill("SIGHUP");
    await until("all have gone over", () => crowd.spread.get("b") === 30);
    expect([...crowd.closes.keys()]).toEqual([1012]);
    await writeFile(edge.file, text(fleet.slice(1), "tls: { ca: no-such-file.pem }"));
    edge.child.kill("SIGHUP");
    await until("it is reported", () =>
      edge.lines.some(({ level, cause }) => level === "error" && String(cause).includes("no-such")),
    );
    expect(await (await openClient(`ws://${edge.address}`)).text()).toBe("b");
  });

  it("end with the first process: in order on SIGTERM, at once when it is killed", async () => {
    const fleet = await startFleet(["a"]);
    const orderly = await startWorkers(fleet);
    const client = await openClient(`ws://${orderly.address}`);
    orderly.child.kill("SIGTERM");
    expect((await client.closed).code).toBe(1001);
    expect(await orderly.exited).toBe(0);

    const orphaned = await startWorkers(fleet);
    const other = await openClient(`ws://${orphaned.address}`);
    orphaned.child.kill("SIGKILL");
    await once(orphaned.child, "exit");
    expect((await other.closed).code).toBe(1006);
    for (const pid of orphaned.pids()) {
      await until("the worker has ended", () => {
        try {
          return !process.kill(pid, 0);
        } catch {
          return true;
        }
      });
    }
  });
});
