import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatRedisUrl, parseRedisUrl } from "../../src/redis/redis-url.ts";

describe("a Redis URL", () => {
  it.each([
    ["redis://h", { kind: "single", nodes: [{ host: "h", port: 6379 }], tls: false, database: 0 }],
    ["rediss://h:7/3", { kind: "single", nodes: [{ host: "h", port: 7 }], tls: true, database: 3 }],
    ["redis://[::1]:7", { nodes: [{ host: "::1", port: 7 }] }],
    ["redis://ann:p%40ss%2F@h", { username: "ann", password: "p@ss/" }],
    ["redis://:only@h", { username: undefined, password: "only" }],
    [
      "redis+sentinel://a,b:7/mymaster/2",
      {
        kind: "sentinel",
        nodes: [
          { host: "a", port: 26_379 },
          { host: "b", port: 7 },
        ],
        primary: "mymaster",
        database: 2,
      },
    ],
    ["rediss+cluster://a,b", { kind: "cluster", tls: true, primary: "" }],
  ])("such as %s is understood", (url, expected) => {
    expect(parseRedisUrl(url)).toMatchObject(expected);
  });

  it.each([
    ["http://h", "must be redis://HOST:PORT"],
    ["redis://", "must be redis://HOST:PORT"],
    ["redis://h:0", "must have HOST:PORT"],
    ["redis://h:65536", "must have HOST:PORT"],
    ["redis://[::x]", "must have HOST:PORT"],
    ["redis://a,b", "names several hosts"],
    ["redis+sentinel://a,b", "must end in the name"],
    ["redis://h/db", "must end in the number of a database"],
    ["redis://h/1/2", "must end in the number of a database"],
    ["redis+cluster://h/1", "a Cluster has none but 0"],
    ["redis://ann:%zz@h", "not percent-encoded"],
  ])("such as %s is refused with what to write", (url, message) => {
    expect(parseRedisUrl(url)).toContain(message);
  });

  it("is never quoted by a message: it may hold a password", () => {
    const password = fc.stringMatching(/^[a-zA-Z0-9%]{8,20}$/);
    const rest = fc.constantFrom("h:0", "", "a,b", "h/db", "h:1:2", "h/1/2/3", "[x]");
    fc.assert(
      fc.property(password, rest, (secret, tail) => {
        const parsed = parseRedisUrl(`redis://ann:${secret}@${tail}`);
        if (typeof parsed === "string") expect(parsed).not.toContain(secret);
        else expect(formatRedisUrl(parsed)).not.toContain(secret);
      }),
    );
  });

  it("is written again without its password, and means the same place", () => {
    const host = fc.constantFrom("h", "redis.local", "10.0.0.1", "[::1]", "[fd00::7]");
    const node = fc.tuple(host, fc.integer({ min: 1, max: 65_535 })).map(([h, p]) => `${h}:${p}`);
    const shapes = fc.oneof(
      fc.tuple(node, fc.nat(15)).map(([n, db]) => `redis://%${n}/${db}`),
      fc.array(node, { minLength: 1 }).map((all) => `rediss+cluster://%${all.join(",")}`),
      fc.array(node, { minLength: 1 }).map((all) => `redis+sentinel://%${all.join(",")}/main/4`),
    );
    fc.assert(
      fc.property(shapes, fc.constantFrom("", "ann:secret@", ":secret@"), (shape, account) => {
        const target = parseRedisUrl(shape.replace("%", account));
        if (typeof target === "string") throw new Error(target);
        const written = formatRedisUrl(target);
        expect(written).not.toContain("secret");
        const { password, ...again } = parseRedisUrl(
          written.replace("***", "secret"),
        ) as typeof target;
        expect({ ...again, password }).toEqual(target);
      }),
    );
  });
});
