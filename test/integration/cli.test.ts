import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { greetAs, startBackend } from "../support/backend.ts";
import { temporaryDirectory } from "../support/certificate.ts";
import { ringway, serve } from "../support/cli.ts";
import { openClient } from "../support/client.ts";

async function configFile(text: string, name = "edge.yaml"): Promise<string> {
  const file = join(await temporaryDirectory(), name);
  await writeFile(file, text);
  return file;
}

const VALID = `
listeners:
  - { address: "127.0.0.1:0" }
routes:
  - { host: "*.example.com", path: /ws, headers: { x-tier: gold }, pool: gold }
  - { pool: web }
pools:
  gold:
    affinity: [{ token: { query: session } }, ip]
    backends:
      - { id: a, url: "http://127.0.0.1:9001" }
      - { id: b, url: "http://127.0.0.1:9002", weight: 2 }
    timeouts: { connect: 2s }
    limits: { messageBytes: 64KiB }
  web:
    backends: [{ id: w, url: "http://127.0.0.1:9003" }]
secret: \${SECRET}
`;
const SECRET = { SECRET: "a secret of sufficient length" };

describe("ringway serve", () => {
  it("runs from flags alone, and from a file", async () => {
    const backend = await startBackend("a", { webSocket: greetAs("a") });
    const flags = ["--listen", "127.0.0.1:0", "--backend", backend.url, "--affinity", "cookie:sid"];
    const byFlags = await serve(flags);
    expect(await (await openClient(`ws://${byFlags.address}`)).text()).toBe("a");

    const file = await configFile(
      `{"listeners":[{"address":"127.0.0.1:0"}],"routes":[{"pool":"p"}],
        "pools":{"p":{"backends":[{"id":"a","url":"${backend.url}"}]}}}`,
      "edge.json",
    );
    const byFile = await serve(["-c", file]);
    expect(await (await openClient(`ws://${byFile.address}`)).text()).toBe("a");
    for (const line of byFile.lines) {
      expect(line).toMatchObject({
        level: expect.any(String) as string,
        time: expect.any(String) as string,
        msg: expect.any(String) as string,
      });
    }
  });

  it("tells clients 1001 on SIGTERM and exits 0", async () => {
    const backend = await startBackend("a");
    const file = await configFile(`
listeners: [{ address: "127.0.0.1:0" }]
routes: [{ pool: p }]
pools: { p: { drain: { over: 100ms }, backends: [{ id: a, url: "${backend.url}" }] } }
`);
    const edge = await serve(["-c", file]);
    const clients = await Promise.all([1, 2, 3].map(() => openClient(`ws://${edge.address}`)));
    edge.child.kill("SIGTERM");
    for (const client of clients) expect((await client.closed).code).toBe(1001);
    expect(await edge.exited).toBe(0);
    expect(edge.lines.at(-1)).toMatchObject({ msg: "shut down" });
  });

  it("ends at once on a second signal", async () => {
    const backend = await startBackend("a");
    const edge = await serve(["--listen", "127.0.0.1:0", "--backend", backend.url]);
    const clients = await Promise.all(
      Array.from({ length: 10 }, () => openClient(`ws://${edge.address}`)),
    );
    edge.child.kill("SIGTERM");
    await Promise.race(clients.map((client) => client.closed)); // the others have up to 30 s
    edge.child.kill("SIGTERM");
    expect(await edge.exited).toBe(0);
  });

  it("says in one line, with exit code 1, when an address is in use or a file is missing", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    onTestFinished(() => {
      taken.close();
    });
    const { port } = taken.address() as { port: number };
    const args = ["serve", "--listen", `127.0.0.1:${port}`, "--backend", "http://127.0.0.1:1"];
    const inUse = await ringway(args);
    expect(inUse.code).toBe(1);
    expect(inUse.stderr).toBe(
      `ringway: cannot listen at 127.0.0.1:${port}: the address is in use by another process\n`,
    );

    const file = await configFile(`
listeners: [{ address: "127.0.0.1:0", tls: { certificates: [{ cert: no.crt, key: no.key }] } }]
routes: [{ pool: p }]
pools: { p: { backends: [{ id: a, url: "http://127.0.0.1:1" }] } }
`);
    const missing = await ringway(["serve", "-c", file]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/^ringway: cannot read \/.*no\.crt: no such file\n$/);
  });

  it("refuses flags that do not go together, with exit code 2", async () => {
    const wrong = [
      ["serve"],
      ["serve", "--listen", "127.0.0.1:0"],
      ["serve", "--listen", "nonsense", "--backend", "http://127.0.0.1:1"],
      ["serve", "--listen", "127.0.0.1:0", "--backend", "ftp://127.0.0.1:1"],
      ["serve", "--listen", ":0", "--backend", "http://127.0.0.1:1", "--affinity", "magic"],
      ["serve", "--listen", ":0", "--backend", "http://127.0.0.1:1", "--policy", "magic"],
      ["serve", "-c", "x.yaml", "--listen", "127.0.0.1:0"],
      ["serve", "--nonsense"],
      ["nonsense"],
    ];
    for (const args of wrong) {
      const { code, stdout, stderr } = await ringway(args);
      expect([code, stdout], args.join(" ")).toEqual([2, ""]);
      expect(stderr.length).toBeGreaterThan(0);
      expect(stderr).not.toContain("at ");
    }
  });
});

describe("ringway check", () => {
  it("prints the effective configuration, which means the same, without the secret", async () => {
    const file = await configFile(VALID);
    const first = await ringway(["check", "-c", file], SECRET);
    expect([first.code, first.stderr]).toEqual([0, ""]);
    expect(first.stdout).not.toContain(SECRET.SECRET);
    const effective = parse(first.stdout) as { pools: { gold: object } };
    expect(effective.pools.gold).toMatchObject({
      policy: "ring",
      timeouts: { connect: "2s", handshake: "10s", idle: "1h" },
      limits: { messageBytes: "64KiB" },
      backends: [
        { id: "a", url: "http://127.0.0.1:9001", weight: 1 },
        { id: "b", url: "http://127.0.0.1:9002", weight: 2 },
      ],
    });
    const again = await ringway(["check", "-c", await configFile(first.stdout)]);
    expect(again.code).toBe(0);
    const body = (text: string): string => text.replaceAll(/^#.*\n/gm, "");
    expect(body(again.stdout)).toBe(body(first.stdout));
  });

  it("names file, line and column of all that is wrong, and what to write instead", async () => {
    const file = await configFile(`listeners:
  - { address: 8080 }
routes:
  - { pool: chta }
pools:
  chat:
    polcy: ring
    backends:
      - { id: a, url: "ws://127.0.0.1:9001" }
      - { id: a, url: "http://127.0.0.1:9002", weight: heavy }
    timeouts: { connect: 5 }
secret: \${NO_SUCH_SECRET}
`);
    const { code, stdout, stderr } = await ringway(["check", "-c", file]);
    expect([code, stdout]).toEqual([2, ""]);
    const lines = stderr.trimEnd().split("\n");
    const places = lines.map((line) => line.slice(file.length).split(": ", 1)[0]);
    for (const line of lines) expect(line.startsWith(file)).toBe(true);
    expect(places).toContain(":2:16");
    expect(places).toContain(":7:5");
    expect(stderr).toContain(`unknown key "polcy" in pools.chat; did you mean "policy"?`);
    expect(stderr).toMatch(/:9:\d+: .*http:\/\//);
    expect(stderr).toMatch(/:10:\d+: .*weight/);
    expect(stderr).toMatch(/:11:\d+: .*"2s"/);
    expect(stderr).toMatch(/:12:\d+: .*NO_SUCH_SECRET/);
  });

  it("exits with 2 when there is no such file", async () => {
    const { code, stderr } = await ringway(["check", "-c", "/no/such.yaml"]);
    expect([code, stderr]).toEqual([2, "/no/such.yaml: cannot be read: no such file\n"]);
  });
});

describe("ringway explain", () => {
  it("says route, source, session, backend and candidates without sending anything", async () => {
    const file = await configFile(VALID);
    const args = ["explain", "-c", file, "--json", "--header", "x-tier: gold"];
    const asked = await ringway(
      [...args, "--url", "wss://chat.example.com/ws?session=ann"],
      SECRET,
    );
    expect([asked.code, asked.stderr]).toEqual([0, ""]);
    const explanation = JSON.parse(asked.stdout) as { session: string; candidates: string[] };
    expect(explanation).toMatchObject({
      route: "routes[0]",
      pool: "gold",
      source: "token",
      reason: "policy",
    });
    expect(explanation.session).toMatch(/^[\w-]{22}$/);
    expect(asked.stdout).not.toContain("ann");
    expect(explanation.candidates.toSorted()).toEqual(["a", "b"]);

    const byIp = await ringway(
      [...args, "--url", "http://x.example.com/ws", "--ip", "::1"],
      SECRET,
    );
    expect(JSON.parse(byIp.stdout)).toMatchObject({ source: "ip", pool: "gold" });
    const other = await ringway(["explain", "-c", file, "--url", "/"], SECRET);
    expect(other.stdout).toContain("routes[1]");
  });

  it("agrees with the edge", async () => {
    const backends = await Promise.all(
      ["a", "b", "c"].map((id) => startBackend(id, { webSocket: greetAs(id) })),
    );
    const list = backends.map(({ id, url }) => `{ id: ${id}, url: "${url}" }`).join(", ");
    const file = await configFile(`
listeners: [{ address: "127.0.0.1:0" }]
routes: [{ pool: p }]
pools: { p: { affinity: [{ token: { query: s } }], backends: [${list}] } }
secret: always the same secret
`);
    const edge = await serve(["-c", file]);
    for (const user of ["ann", "bob", "cy", "dee"]) {
      const { stdout } = await ringway(["explain", "-c", file, "--json", "--url", `/?s=${user}`]);
      const { backend } = JSON.parse(stdout) as { backend: string };
      const client = await openClient(`ws://${edge.address}/?s=${user}`);
      expect(await client.text()).toBe(backend);
    }
  });
});

describe("ringway", () => {
  it("has help for every command and says its version", async () => {
    for (const command of [[], ["serve"], ["check"], ["explain"], ["demo"]]) {
      const { code, stdout } = await ringway([...command, "--help"]);
      expect(code).toBe(0);
      expect(stdout).toContain("Usage: ringway");
    }
    const { code, stdout } = await ringway(["--version"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
