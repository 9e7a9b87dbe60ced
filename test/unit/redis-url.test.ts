import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatRedisUrl, parseRedisUrl, type RedisTarget } from "../../src/redis/redis-url.ts";

function parse(text: string): RedisTarget {
  const target = parseRedisUrl(text);
  if (typeof target === "string") throw new Error(target);
  return target;
}

const single: RedisTarget = {
  kind: "single",
  nodes: [{ host: "redis", port: 6379 }],
  tls: false,
  username: undefined,
  password: undefined,
  primary: "",
  database: 0,
};

describe("a Redis URL", () => {
  it.each<[string, Partial<RedisTarget>]>([
    ["redis://redis", {}],
    ["redis://redis/", {}],
    ["redis://redis:6379", {}],
    ["redis://redis/0", {}],
    ["rediss://redis", { tls: true }],
    ["redis://redis:7000/15", { nodes: [{ host: "redis", port: 7000 }], database: 15 }],
    ["redis://10.0.0.1:1", { nodes: [{ host: "10.0.0.1", port: 1 }] }],
    ["redis://[::1]", { nodes: [{ host: "::1", port: 6379 }] }],
    ["redis://[2001:DB8::1]:65535", { nodes: [{ host: "2001:DB8::1", port: 65_535 }] }],
    ["redis://[::ffff:10.0.0.1]:7", { nodes: [{ host: "::ffff:10.0.0.1", port: 7 }] }],
    ["redis://my_redis.chat-1.svc", { nodes: [{ host: "my_redis.chat-1.svc", port: 6379 }] }],
  ])("%s names one server", (text, target) => {
    expect(parse(text)).toEqual({ ...single, ...target });
  });

  it.each<[string, Partial<RedisTarget>]>([
    ["redis+sentinel://redis/mymaster", { nodes: [{ host: "redis", port: 26_379 }] }],
    [
      "rediss+sentinel://a,b:7000, [::1]:7001 /my-primary/3",
      {
        nodes: [
          { host: "a", port: 26_379 },
          { host: "b", port: 7000 },
          { host: "::1", port: 7001 },
        ],
        tls: true,
        primary: "my-primary",
        database: 3,
      },
    ],
  ])("%s names Sentinels and what they call the primary", (text, target) => {
    const expected = { ...single, kind: "sentinel", primary: "mymaster", ...target };
    expect(parse(text)).toEqual(expected);
  });

  it.each<[string, Partial<RedisTarget>]>([
    ["redis+cluster://redis", {}],
    ["redis+cluster://redis/0", {}],
    [
      "rediss+cluster://[fd00::1],b:7000",
      {
        nodes: [
          { host: "fd00::1", port: 6379 },
          { host: "b", port: 7000 },
        ],
        tls: true,
      },
    ],
  ])("%s names nodes of a Cluster", (text, target) => {
    expect(parse(text)).toEqual({ ...single, kind: "cluster", ...target });
  });

  it.each([
    ["user:password", "user", "password"],
    [":password", undefined, "password"],
    ["user", "user", undefined],
    ["user:", "user", ""],
    ["", undefined, undefined],
    ["us%40er:p%40ss%3Aw%2Frd%23%25", "us@er", "p@ss:w/rd#%"],
    ["a:b:c", "a", "b:c"],
    ["%C3%BC:%E2%82%AC", "ü", "€"],
    ["a+b:c?d#e,f", "a+b", "c?d#e,f"],
  ])("has the account %j, percent-decoded", (account, username, password) => {
    for (const [scheme, end] of [
      ["redis", ""],
      ["rediss+sentinel", "/mymaster"],
      ["redis+cluster", ""],
    ] as const) {
      const target = parse(`${scheme}://${account}@redis${end}`);
      expect(target).toMatchObject({ nodes: [{ host: "redis" }], username, password });
    }
  });
});

const NO_SHAPE = /^must be redis:\/\/HOST:PORT, redis\+sentinel:/;
const NO_HOST = "must have HOST:PORT after its //, several separated by commas";
const NO_DATABASE = "must end in the number of a database, such as /0, or nothing";
const NO_PRIMARY = "must end in the name that the Sentinels know the primary by, such as /mymaster";

describe("what is no Redis URL", () => {
  it.each([
    ["", NO_SHAPE],
    ["redis", NO_SHAPE],
    ["redis:/redis", NO_SHAPE],
    ["redis://", NO_SHAPE],
    ["redis:///0", NO_SHAPE],
    ["http://redis", NO_SHAPE],
    [" redis://redis", NO_SHAPE],
    ["redis+other://redis", NO_SHAPE],
    ["redis+sentinels://redis/a", NO_SHAPE],
    ["unix:/run/redis.sock", NO_SHAPE],
    ["redis://redis?db=1", NO_SHAPE],
    ["redis://redis/0#a", NO_SHAPE],
    ["redis://user:p@ss@redis", NO_SHAPE],
    ["redis://redis:0", NO_HOST],
    ["redis://redis:65536", NO_HOST],
    ["redis://redis:port", NO_HOST],
    ["redis://redis:", NO_HOST],
    ["redis://re dis", NO_HOST],
    ["redis://::1", NO_HOST],
    ["redis://[::1", NO_HOST],
    ["redis://[::g]:1", NO_HOST],
    ["redis://[10.0.0.1]", NO_HOST],
    ["redis+cluster://a,,b", NO_HOST],
    ["redis+cluster://a,b:0", NO_HOST],
    ["redis+cluster://,a", NO_HOST],
    ["redis+sentinel://a,b,/mymaster", NO_HOST],
    ["redis://a,b", "names several hosts: write redis+sentinel:// or redis+cluster://"],
    ["redis+sentinel://a,b", NO_PRIMARY],
    ["redis+sentinel://a,b/", NO_PRIMARY],
    ["redis+sentinel://a//0", NO_PRIMARY],
    ["redis+sentinel://a/mymaster/x", NO_DATABASE],
    ["redis+sentinel://a/mymaster/0/0", NO_DATABASE],
    ["redis://redis/x", NO_DATABASE],
    ["redis://redis/-1", NO_DATABASE],
    ["redis://redis/0/0", NO_DATABASE],
    ["redis://redis/123456", NO_DATABASE],
    ["redis+cluster://a/1", "has a database: a Cluster has none but 0"],
    ["redis://us%er:a@redis", "has a user or password that is not percent-encoded"],
    ["redis://user:100%@redis", "has a user or password that is not percent-encoded"],
    ["redis://user:%FF@redis", "has a user or password that is not percent-encoded"],
  ])("%j is told what it must be", (text, problem) => {
    expect(parseRedisUrl(text)).toEqual(
      typeof problem === "string" ? problem : expect.stringMatching(problem),
    );
  });

  it("is never quoted: its password may be anywhere in it", () => {
    const password = "sw0rdf1sh";
    const part = fc.constantFrom(
      ...["redis", "rediss", "+sentinel", "+cluster", "://", ":", "@", "/", ",", "%", "?", "#"],
      ...["user", "redis:6379", "[::1]", "/mymaster", "/0", " ", password],
    );
    const urls = fc.array(part, { maxLength: 12 }).map((parts) => `redis://${parts.join("")}`);
    const refused = urls.filter((text) => typeof parseRedisUrl(text) === "string");
    fc.assert(
      fc.property(refused, (text) => {
        expect(parseRedisUrl(text)).not.toContain(password);
      }),
      { numRuns: 1000 },
    );
  });
});

const anyHost = fc.oneof(
  fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,10}[a-z0-9])?$/),
  fc.ipV4(),
  fc.ipV6(),
);
const anyNode = fc.record({ host: anyHost, port: fc.integer({ min: 1, max: 65_535 }) });
const anyNodes = fc
  .tuple(anyNode, fc.array(anyNode, { maxLength: 3 }))
  .map(([first, others]): RedisTarget["nodes"] => [first, ...others]);
const anyWord = fc.string({ unit: "grapheme", minLength: 1 });

/** As an operator writes it, default or not. */
function write({ kind, nodes, tls, primary, database }: RedisTarget, account: string): string {
  const hosts = nodes.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`);
  const scheme = `redis${tls ? "s" : ""}${kind === "single" ? "" : `+${kind}`}`;
  const name = kind === "sentinel" ? `/${primary}` : "";
  return `${scheme}://${account}${hosts.join(",")}${name}/${database}`;
}

const anyTarget = fc
  .record({
    kind: fc.constantFrom("single", "sentinel", "cluster"),
    nodes: anyNodes,
    tls: fc.boolean(),
    username: fc.option(anyWord, { nil: undefined }),
    password: fc.option(anyWord, { nil: undefined }),
    primary: fc.stringMatching(/^[A-Za-z0-9._-]{1,10}$/),
    database: fc.nat(99_999),
  })
  .map((target): RedisTarget => {
    const { kind, nodes, primary, database } = target;
    return {
      ...target,
      nodes: kind === "single" ? [nodes[0]] : nodes,
      primary: kind === "sentinel" ? primary : "",
      database: kind === "cluster" ? 0 : database,
    };
  });

function accountOf({ username, password }: RedisTarget): string {
  if (username === undefined && password === undefined) return "";
  const secret = password === undefined ? "" : `:${encodeURIComponent(password)}`;
  return `${encodeURIComponent(username ?? "")}${secret}@`;
}

describe("any target", () => {
  it("is read from its URL, whatever is in its user and password", () => {
    fc.assert(
      fc.property(anyTarget, (target) => {
        expect(parse(write(target, accountOf(target)))).toEqual(target);
      }),
      { numRuns: 500 },
    );
  });

  it("is written so that it names the same servers, and read again the same", () => {
    fc.assert(
      fc.property(anyTarget, ({ username, ...target }) => {
        const hasAccount = target.password !== undefined;
        const again = parse(formatRedisUrl({ ...target, username }));
        const password = hasAccount ? "***" : undefined;
        expect(again).toMatchObject({ ...target, password });
        if (hasAccount) expect(again.username).toBe(username);
      }),
      { numRuns: 500 },
    );
  });

  it("is written without its password", () => {
    const secret = fc.stringMatching(/^[A-Z]{8,12}$/);
    fc.assert(
      fc.property(anyTarget, secret, (target, password) => {
        fc.pre(!write(target, accountOf(target)).includes(password));
        const text = formatRedisUrl(parse(write(target, accountOf({ ...target, password }))));
        expect(text).not.toContain(password);
        expect(text).toContain(":***@");
      }),
    );
  });
});

describe("a target is written", () => {
  it.each([
    ["redis://redis", "redis://redis:6379"],
    ["rediss://:secret@[::1]/2", "rediss://:***@[::1]:6379/2"],
    ["redis://edge@redis", "redis://edge@redis:6379"],
    ["redis://us%40er:se@redis", "redis://us%40er:***@redis:6379"],
    ["redis+sentinel://a,b/mymaster", "redis+sentinel://a:26379,b:26379/mymaster"],
    ["redis+sentinel://a/mymaster/4", "redis+sentinel://a:26379/mymaster/4"],
    ["rediss+cluster://u:@a,b", "rediss+cluster://u:***@a:6379,b:6379"],
  ])("with its ports: %s", (text, written) => {
    expect(formatRedisUrl(parse(text))).toBe(written);
  });
});
