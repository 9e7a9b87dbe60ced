import { describe, expect, it } from "vitest";
import { configSchema } from "../../src/config/schema.ts";
import { problemsOf } from "../support/config-problems.ts";

const HTTP = "{ address: 127.0.0.1:80 }";
const WEB = "{ backends: [{ id: a, url: http://a:1 }] }";
const RAW = "{ backends: [{ id: a, url: tcp://a:1 }] }";
const UNIX = "backends: [{ id: a, url: unix:/a }]";

/** A file of three lines. */
function file(listeners: string, routes: string, pools: string): string {
  return `listeners: [${listeners}]\nroutes: [${routes}]\npools: { ${pools} }`;
}

function tcp(keys: string): string {
  return `{ address: 127.0.0.1:81, mode: tcp, ${keys} }`;
}

/** A pool that requests are led to. */
function web(pool: string): string {
  return file(HTTP, "{ pool: chat }", `chat: ${pool}`);
}

/** A pool that connections are led to. */
function raw(pool: string): string {
  return file(tcp("pool: chat"), "", `chat: ${pool}`);
}

/** A pool that both are led to. */
function both(pool: string): string {
  return file(`${HTTP}, ${tcp("pool: chat")}`, "{ pool: chat }", `chat: ${pool}`);
}

/** The file has these problems at the places marked by »: none without a mark. */
function expectProblems(marked: string, ...messages: readonly string[]): void {
  const parts = marked.split("»");
  const places = parts.slice(1).map((_, i) => {
    const lines = parts
      .slice(0, i + 1)
      .join("")
      .split("\n");
    return `${lines.length}:${(lines.at(-1) ?? "").length + 1}`;
  });
  expect(places).toHaveLength(messages.length);
  const expected = messages.map((message, i) => `${places[i] ?? ""} ${message}`);
  expect(problemsOf(parts.join(""), configSchema)).toEqual(expected);
}

describe("routes", () => {
  it("are needed where a listener takes requests", () => {
    const message = "routes needs at least one route: { pool: NAME }";
    expectProblems(`listeners: [${HTTP}]\nroutes: »[]\npools: { a: ${WEB} }`, message);
    expectProblems(`»listeners: [${HTTP}]\npools: { a: ${WEB} }`, message);
    const listeners = `${tcp("pool: r")}, ${HTTP}`;
    expectProblems(`listeners: [${listeners}]\nroutes: »[]\npools: { r: ${RAW} }`, message);
  });

  it("are not needed where none does", () => {
    expectProblems(file(tcp("pool: raw"), "", `raw: ${RAW}`));
  });

  it("must lead to pools that there are", () => {
    const routes = "{ pool: web }, { path: /b, pool: »wbe }, { path: /c, pool: »Web }";
    expectProblems(
      file(HTTP, routes, `web: ${WEB}, other: ${WEB}`),
      "routes[1].pool names no pool; the pools are web, other",
      "routes[2].pool names no pool; the pools are web, other",
    );
    expectProblems(
      file(HTTP, "{ pool: »constructor }", ""),
      "routes[0].pool names no pool; the pools are none",
    );
  });
});

describe("a listener in mode: tcp", () => {
  it("must lead to pools that there are", () => {
    expectProblems(
      file(tcp("pool: »rwa, sni: { a.test: raw, b.test: »war }"), "", `raw: ${RAW}`),
      "listeners[0].pool names no pool; the pools are raw",
      'listeners[0].sni["b.test"] names no pool; the pools are raw',
    );
  });

  it.each(["", "sni: {}"])("must lead somewhere: %j", (keys) => {
    expectProblems(
      file(`${tcp("pool: raw")}, »${tcp(keys)}`, "", `raw: ${RAW}`),
      "listeners[1] needs a pool: NAME, or sni: { SERVER-NAME: POOL }, in mode: tcp",
    );
  });

  it.each(["pool: chat", "sni: { a.test: chat }", "pool: chat, sni: { a.test: chat }"])(
    "may lead by %s",
    (keys) => expectProblems(file(tcp(keys), "", `chat: ${RAW}`)),
  );
});

describe("a listener in mode: http", () => {
  it("leads nowhere by itself", () => {
    const listener = "{ address: 127.0.0.1:80, pool: »raw, sni: »{ a: raw } }";
    expectProblems(
      file(listener, "{ pool: web }", `web: ${WEB}, raw: { ${UNIX} }`),
      "listeners[0].pool is for mode: tcp; requests are led by routes",
      "listeners[0].sni is for mode: tcp; requests are led by routes",
    );
  });
});

describe.each([
  ["http", "", "{ pool: a }", WEB],
  ["tcp", ", mode: tcp, pool: a", "", RAW],
])("proxyProtocol of a listener in mode: %s", (_, keys, routes, pool) => {
  const listening = (options: string): string =>
    file(`{ ${options}${keys} }`, routes, `a: ${pool}`);
  const trusting = "trustedProxies: [10.0.0.0/8]";

  it("needs peers to believe", () => {
    const message =
      "listeners[0].proxyProtocol believes nobody without trustedProxies: [ADDRESS or BLOCK]";
    const address = 'address: "[::1]:80"';
    expectProblems(listening(`${address}, proxyProtocol: »true`), message);
    expectProblems(listening(`${address}, proxyProtocol: »true, trustedProxies: []`), message);
    expectProblems(listening(`${address}, proxyProtocol: true, ${trusting}`));
    expectProblems(listening(`${address}, proxyProtocol: false`));
  });

  it("is not for Unix sockets", () => {
    const message =
      "listeners[0].proxyProtocol is not for Unix sockets: their peers have no address to trust";
    const address = "address: unix:/a";
    expectProblems(listening(`${address}, proxyProtocol: »true`), message);
    expectProblems(listening(`${address}, proxyProtocol: »true, ${trusting}`), message);
    expectProblems(listening(`${address}, proxyProtocol: false`));
  });
});

describe("the backends of a pool", () => {
  it("have ids that differ", () => {
    const backends = ["a", "b", "»a", "A", "»a"].map((id) => `{ id: ${id}, url: unix:/x }`);
    expectProblems(
      web(`{ backends: [${backends.join(", ")}] }`),
      'pools.chat.backends[2].id is used twice in this pool: "a"',
      'pools.chat.backends[4].id is used twice in this pool: "a"',
    );
    expectProblems(file(HTTP, "{ pool: x }", `x: { ${UNIX} }, y: { ${UNIX} }`));
  });

  it.each(["tcp", "tls"])("are not %s:// where a route leads", (scheme) => {
    expectProblems(
      web(`{ backends: [{ id: a, url: http://a:1 }, { id: b, url: »${scheme}://b:1 }] }`),
      "pools.chat.backends[1].url must be http:// or https://: a route leads here",
    );
  });

  it.each(["http", "https"])("are not %s:// where a TCP listener leads", (scheme) => {
    const pool = `{ backends: [{ id: a, url: tls://a:1 }, { id: b, url: »${scheme}://b:1 }] }`;
    const message =
      "pools.chat.backends[1].url must be tcp:// or tls://: a listener in mode: tcp leads here";
    expectProblems(raw(pool), message);
    expectProblems(file(tcp("sni: { x: chat }"), "", `chat: ${pool}`), message);
  });

  it.each([WEB, "{ backends: [{ id: a, url: https://a }] }", `{ ${UNIX} }`])(
    "may be %s where a route leads",
    (pool) => expectProblems(web(pool)),
  );

  it.each([RAW, "{ backends: [{ id: a, url: tls://a:1 }] }", `{ ${UNIX} }`])(
    "may be %s where a TCP listener leads",
    (pool) => expectProblems(raw(pool)),
  );

  it("may be Unix sockets only where both lead", () => {
    expectProblems(both(`{ ${UNIX} }`));
    expectProblems(
      both("{ backends: [{ id: a, url: »http://a:1 }, { id: b, url: »tcp://b:1 }] }"),
      "pools.chat.backends[0].url must be tcp:// or tls://: a listener in mode: tcp leads here",
      "pools.chat.backends[1].url must be http:// or https://: a route leads here",
    );
  });

  it("may be of any kind where nobody leads", () => {
    const mixed = "{ backends: [{ id: a, url: http://a:1 }, { id: b, url: tcp://b:1 }] }";
    expectProblems(file(HTTP, "{ pool: a }", `a: ${WEB}, unused: ${mixed}`));
  });
});

describe("the affinity of a pool", () => {
  it.each(["header: x", "cookie: { name: c }", "token: { query: t }", "channel: { query: c }"])(
    "is not { %s } where a TCP listener leads",
    (source) => {
      expectProblems(web(`{ affinity: [ip, { ${source} }], ${UNIX} }`));
      expectProblems(
        raw(`{ affinity: [ip, »{ ${source} }, sni], ${UNIX} }`),
        "pools.chat.affinity[1] needs a request: a listener in mode: tcp has only ip and sni",
      );
    },
  );

  it("is not of a server name where a route leads", () => {
    const message = "pools.chat.affinity[1] is for pools of listeners in mode: tcp";
    expectProblems(web(`{ affinity: [ip, »sni], ${UNIX} }`), message);
    expectProblems(both(`{ affinity: [ip, »sni], ${UNIX} }`), message);
  });

  it("may be of addresses everywhere, and of server names where a TCP listener leads", () => {
    expectProblems(both(`{ affinity: [ip, { ip: { v4: 24 } }], ${UNIX} }`));
    expectProblems(raw(`{ affinity: [sni, ip, { ip: { v4: 24 } }], ${UNIX} }`));
  });
});

describe("a bound on the ring", () => {
  it.each(["round-robin", "least-connections", "random-two"])("is not for %s", (policy) => {
    expectProblems(
      web(`{ policy: ${policy}, maxLoad: »1.25, ${UNIX} }`),
      "pools.chat.maxLoad bounds the ring: it goes with policy: ring",
    );
    expectProblems(web(`{ policy: ${policy}, ${UNIX} }`));
  });

  it("is for the ring, also where that is the default", () => {
    expectProblems(web(`{ policy: ring, maxLoad: 1.25, ${UNIX} }`));
    expectProblems(raw(`{ maxLoad: 1.25, ${UNIX} }`));
  });
});

describe("proxyProtocol of a pool", () => {
  it("is not for requests", () => {
    const message =
      "pools.chat.proxyProtocol is for listeners in mode: tcp; requests carry X-Forwarded-For";
    expectProblems(web(`{ proxyProtocol: »v2, ${UNIX} }`), message);
    expectProblems(both(`{ proxyProtocol: »v1, ${UNIX} }`), message);
  });

  it("is for connections", () => {
    expectProblems(raw(`{ proxyProtocol: v2, ${UNIX} }`));
  });
});

it("all that does not go together is told at once, in file order", () => {
  const backends = "[{ id: a, url: »tcp://a:1 }, { id: »a, url: »tcp://a:1 }]";
  expectProblems(
    file(`»${tcp("")}`, "{ pool: x }, { pool: »y }", `x: { backends: ${backends} }`),
    "listeners[0] needs a pool: NAME, or sni: { SERVER-NAME: POOL }, in mode: tcp",
    "routes[1].pool names no pool; the pools are x",
    "pools.x.backends[0].url must be http:// or https://: a route leads here",
    'pools.x.backends[1].id is used twice in this pool: "a"',
    "pools.x.backends[1].url must be http:// or https://: a route leads here",
  );
});

describe("the members of a pool", () => {
  const needed =
    "pools.chat.backends needs at least one backend: { id: a, url: http://… }, or discovery";

  it.each(["{ backends: »[] }", "{ backends: »[], discovery: {} }"])(
    "must come from somewhere: %s",
    (pool) => {
      expectProblems(web(pool), needed);
    },
  );

  it.each([
    "{ discovery: { file: backends.yaml } }",
    "{ discovery: { dns: { name: chat.svc.local, port: 9000 } } }",
    "{ discovery: { redis: { url: redis://h } } }",
    `{ ${UNIX}, discovery: {} }`,
  ])("may be found: %s", (pool) => {
    expectProblems(web(pool));
  });

  it("announce themselves in the Redis of the sessions, or in another", () => {
    expectProblems(
      web("{ discovery: { redis: »true } }"),
      "pools.chat.discovery.redis needs sessions: { store: redis, … }, or an own { url: redis://HOST:PORT }",
    );
    expectProblems(
      `${web("{ discovery: { redis: true } }")}\nsessions: { store: redis, url: redis://h }`,
    );
  });
});

describe("what becomes of a living fleet", () => {
  it.each([
    ["drain: { closeCode: »1000 }", "must be 1001, 1012, 1013 or from 3000 to 4999"],
    ["drain: { closeCode: »5000 }", "must be 1001, 1012, 1013 or from 3000 to 4999"],
    ["outlier: { maxEjectedPercent: »101 }", "outlier.maxEjectedPercent"],
    ["health: { path: »healthz }", "must begin with /"],
    ["limits: { handshakesPerSecond: »0 }", "limits.handshakesPerSecond"],
    ["slowStart: »30", "slowStart"],
  ])("is refused when it makes no sense: %s", (keys, message) => {
    const problems = problemsOf(web(`{ ${UNIX}, ${keys.replace("»", "")} }`), configSchema);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(message);
    expect(problems[0]).toMatch(/^3:\d+ /);
  });

  it("may be as careful as the documentation says", () => {
    expectProblems(
      web(
        `{ ${UNIX}, health: { kind: websocket, every: 5s }, outlier: {}, slowStart: 30s, keepalive: 0s,
        limits: { connections: 20000, pendingHandshakes: 100, handshakesPerSecond: 500, queuedHandshakes: 0 },
        drain: { over: 0s, closeCode: 4001 }, timeouts: { queue: 1s } }`,
      ),
    );
  });
});
