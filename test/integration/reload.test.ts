import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { EdgeConfigInput } from "../../src/config/schema.ts";
import { startEdge } from "../../src/edge.ts";
import { greetAs, startBackend, type TestBackend } from "../support/backend.ts";
import { makeCertificate, temporaryDirectory } from "../support/certificate.ts";
import { serve } from "../support/cli.ts";
import { openClient, refusedUpgrade } from "../support/client.ts";
import { Crowd } from "../support/crowd.ts";
import { startTestEdge } from "../support/edge.ts";
import { freePort } from "../support/redis.ts";
import { until } from "../support/until.ts";

const SECRET = "only for tests, 32 characters...";

function greeter(id: string): Promise<TestBackend> {
  return startBackend(id, { webSocket: greetAs(id) });
}

/** What {@link startTestEdge} makes of the same backends, with changes. */
function configOf(
  backends: readonly TestBackend[],
  changes: Partial<EdgeConfigInput> = {},
  pool: Partial<EdgeConfigInput["pools"][string]> = {},
): EdgeConfigInput {
  return {
    listeners: [{ address: "127.0.0.1:0" }],
    routes: [{ pool: "test" }],
    pools: { test: { backends: backends.map(({ id, url }) => ({ id, url })), ...pool } },
    secret: SECRET,
    admin: { address: "127.0.0.1:0" },
    ...changes,
  };
}

describe("a reload", () => {
  it("swaps routes and pools in, and leaves tunnels of unchanged pools alone", async () => {
    const [a, b] = await Promise.all([greeter("a"), greeter("b")]);
    const edge = await startTestEdge([a]);
    const before = await openClient(edge.ws);
    expect(await before.text()).toBe("a");
    const config = configOf([a], { routes: [{ path: "/new", pool: "more" }, { pool: "test" }] });
    await edge.edge.reload({
      ...config,
      pools: { ...config.pools, more: { backends: [{ id: "b", url: b.url }] } },
    });
    expect(await (await openClient(`${edge.ws}/new`)).text()).toBe("b");
    expect(await (await openClient(edge.ws)).text()).toBe("a");
    expect(before.socket.readyState).toBe(before.socket.OPEN);

    await edge.edge.reload(configOf([a], { routes: [{ path: "/only", pool: "test" }] }));
    expect((await refusedUpgrade(edge.ws)).status).toBe(404);
    expect(before.socket.readyState).toBe(before.socket.OPEN);
  });

  it("drains backends and pools that are gone from it, and keeps the others' tunnels", async () => {
    const [a, b] = await Promise.all([greeter("a"), greeter("b")]);
    const drain = { over: "100ms", closeCode: 4000 };
    const edge = await startTestEdge([a, b], { policy: "round-robin", drain });
    const clients = await Promise.all([openClient(edge.ws), openClient(edge.ws)]);
    const homes = await Promise.all(clients.map((client) => client.text()));
    expect([...homes].sort()).toEqual(["a", "b"]);
    await edge.edge.reload(configOf([a], {}, { policy: "round-robin", drain }));
    const [lost, kept] = homes[0] === "b" ? clients : [clients[1], clients[0]];
    expect((await lost?.closed)?.code).toBe(4000);
    expect(kept?.socket.readyState).toBe(kept?.socket.OPEN);
    for (let i = 0; i < 4; i++) expect(await (await openClient(edge.ws)).text()).toBe("a");
  });

  it("changes nothing when any of it can't be used", async () => {
    const a = await greeter("a");
    const taken = await greeter("taken");
    const edge = await startTestEdge([a]);
    const client = await openClient(edge.ws);
    const wrong: [EdgeConfigInput, string][] = [
      [configOf([a], { routes: [{ pool: "nobody" }] }), "names no pool"],
      [configOf([a], {}, { tls: { ca: "/no/such.pem" } }), "/no/such.pem"],
    ];
    for (const [config, message] of wrong) {
      await expect(edge.edge.reload(config)).rejects.toThrow(message);
      expect(await (await openClient(edge.ws)).text()).toBe("a");
    }
    const inUse = configOf([a], {
      listeners: [{ address: "127.0.0.1:0" }, { address: `127.0.0.1:${taken.port}` }],
      routes: [{ path: "/elsewhere", pool: "test" }],
    });
    await expect(edge.edge.reload(inUse)).rejects.toThrow("in use");
    expect(await (await openClient(edge.ws)).text()).toBe("a");
    expect(client.socket.readyState).toBe(client.socket.OPEN);
    expect(edge.edge.addresses).toHaveLength(1);
  });

  it("opens and closes addresses, and swaps certificates and trust where it listens", async () => {
    const a = await greeter("a");
    const directory = await temporaryDirectory();
    const [one, two] = await Promise.all(
      ["one.test", "two.test"].map(async (name) => {
        const files = await makeCertificate(join(directory, name), [name]);
        return { ...files, ca: await readFile(files.cert, "utf8") };
      }),
    );
    if (one === undefined || two === undefined) throw new Error("two certificates were made");
    const listener = (files: typeof one, more: object = {}) => ({
      address: "127.0.0.1:0",
      tls: { certificates: [{ cert: files.cert, key: files.key }] },
      ...more,
    });
    const edge = await startTestEdge([a], {}, { listeners: [listener(one)] });
    const url = edge.ws.replace("ws:", "wss:");
    const trusting = (servername: string, ca: string) => ({ ca, servername });
    await openClient(url, trusting("one.test", one.ca));
    await edge.edge.reload(
      configOf([a], {
        listeners: [listener(two), { address: "127.0.0.1:0", trustedProxies: ["127.0.0.0/8"] }],
      }),
    );
    await openClient(url, trusting("two.test", two.ca));
    await expect(openClient(url, trusting("one.test", one.ca))).rejects.toThrow();
    const [, second = ""] = edge.edge.addresses;
    expect(await (await openClient(`ws://${second}`)).text()).toBe("a");
    await edge.edge.reload(configOf([a], { listeners: [listener(two)] }));
    await expect(openClient(`ws://${second}`)).rejects.toThrow();
    await openClient(url, trusting("two.test", two.ca));
  });
});

describe("a listener that changes its kind", () => {
  it("opens its address again, and goes on with its certificates", async () => {
    const directory = await temporaryDirectory();
    const files = await makeCertificate(join(directory, "a"), ["a.test"]);
    const ca = await readFile(files.cert, "utf8");
    const a = await greeter("a");
    const port = await freePort();
    const address = `127.0.0.1:${port}`;
    const tls = { certificates: [files] };
    const edge = await startTestEdge([a], {}, { listeners: [{ address, tls }] });
    const secure = { ca, servername: "a.test" };
    const url = `wss://${address}`;
    expect(await (await openClient(url, secure)).text()).toBe("a");
    await edge.edge.reload(configOf([a], { listeners: [{ address }] }));
    expect(await (await openClient(`ws://${address}`)).text()).toBe("a");
    await expect(openClient(url, secure)).rejects.toThrow();
    await edge.edge.reload({
      ...configOf([a], { listeners: [{ address, tls, mode: "tcp", pool: "test" }], routes: [] }),
      pools: { test: { backends: [{ id: "a", url: a.url.replace("http:", "tcp:") }] } },
    });
    expect(await (await openClient(url, secure)).text()).toBe("a");
  });
});

describe("an edge that can't start", () => {
  it("leaves no address open", async () => {
    const a = await greeter("a");
    const port = await freePort();
    const address = `127.0.0.1:${port}`;
    const config = configOf([a], {
      listeners: [{ address }],
      admin: { address: `127.0.0.1:${a.port}` },
    });
    await expect(startEdge(config)).rejects.toThrow("in use");
    await expect(openClient(`ws://${address}`)).rejects.toThrow("ECONNREFUSED");
  });
});

describe("ringway serve with a file", { timeout: 60_000 }, () => {
  const fileText = (backend: string, more = ""): string => `
listeners: [{ address: "127.0.0.1:0" }]
routes: [{ pool: p }]
pools:
  p: { backends: [{ id: a, url: "${backend}" }], drain: { over: 0s } }
secret: "${SECRET}"
${more}`;

  it("reloads it when it changes and on SIGHUP; a bad one changes nothing and is reported", async () => {
    const [a, b] = await Promise.all([greeter("a"), greeter("b")]);
    const file = join(await temporaryDirectory(), "edge.yaml");
    await writeFile(file, fileText(a.url));
    const edge = await serve(["-c", file]);
    const greeting = async (): Promise<string> => (await openClient(`ws://${edge.address}`)).text();
    expect(await greeting()).toBe("a");

    await writeFile(`${file}.new`, fileText(b.url));
    await rename(`${file}.new`, file);
    await until("the file is read", async () => (await greeting()) === "b");

    await writeFile(file, fileText(b.url, "nonsense: 1"));
    edge.child.kill("SIGHUP");
    await until("it is reported", () =>
      edge.lines.some(
        ({ level, cause }) => level === "error" && String(cause).includes("nonsense"),
      ),
    );
    expect(await greeting()).toBe("b");
  });
});

describe("50 reloads under load", () => {
  it("close no tunnel, fail no upgrade, and leave no handle", { timeout: 60_000 }, async () => {
    const fleet = await Promise.all(["a", "b", "c"].map(greeter));
    const pool = {
      affinity: [{ token: { query: "session" } }],
      health: { kind: "tcp" as const, every: "50ms" },
      outlier: {},
    } satisfies Partial<EdgeConfigInput["pools"][string]>;
    const edge = await startTestEdge(fleet, pool);
    const crowd = new Crowd({ url: edge.ws, size: 200 });
    await crowd.allConnected();
    const handles = (): number => process.getActiveResourcesInfo().length;
    const before = handles();
    for (let i = 0; i < 50; i++) {
      const opened = openClient(`${edge.ws}/?session=new${i}`);
      const changed = { ...pool, limits: { messageBytes: `${1_000_000 + i}B` } };
      await edge.edge.reload(configOf(fleet, {}, changed));
      (await opened).socket.terminate();
    }
    expect(crowd.closes.size).toBe(0);
    expect(crowd.failures).toEqual([]);
    expect(crowd.connected).toBe(200);
    await until("the clients' sockets are gone", () => handles() <= before + 12);
  });
});
