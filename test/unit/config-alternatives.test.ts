import { describe, expect, it } from "vitest";
import { z } from "zod";
import { problemsOf } from "../support/config-problems.ts";
import { problemsAtTop, problemsInPool } from "../support/sample-config.ts";

describe("a value that fits none of several alternatives", () => {
  it.each([
    [
      "ipp",
      '5:16 pools.chat.affinity[0] must be "ip" or a mapping with token, cookie or header, not "ipp"; did you mean "ip"?',
    ],
    [
      "5",
      '5:16 pools.chat.affinity[0] must be "ip" or a mapping with token, cookie or header, not 5',
    ],
    [
      "[]",
      '5:16 pools.chat.affinity[0] must be "ip" or a mapping with token, cookie or header, not a list',
    ],
    ["{}", '5:16 pools.chat.affinity[0] needs the key "token", "cookie" or "header"'],
    [
      "{ cooky: { name: x } }",
      '5:18 unknown key "cooky" in pools.chat.affinity[0]; did you mean "cookie"?',
    ],
    [
      "{ zebra: 1 }",
      '5:18 unknown key "zebra" in pools.chat.affinity[0]; keys allowed here: token, cookie, header',
    ],
    ["{ cookie: {} }", '5:18 missing key "name" in pools.chat.affinity[0].cookie'],
    ["{ cookie: sid }", '5:26 pools.chat.affinity[0].cookie must be a mapping, not "sid"'],
    [
      "{ cookie: { name: x, insert: 1 } }",
      "5:45 pools.chat.affinity[0].cookie.insert must be true or false, not 1",
    ],
    [
      "{ cookie: { name: x }, heder: y }",
      '5:39 unknown key "heder" in pools.chat.affinity[0]; keys allowed here: cookie',
    ],
    ["{ header: A B }", "5:26 pools.chat.affinity[0].header must be a header name"],
    [
      "{ token: { qurey: x } }",
      '5:27 unknown key "qurey" in pools.chat.affinity[0].token; did you mean "query"?',
    ],
    ["{ token: {} }", '5:25 pools.chat.affinity[0].token needs the key "query" or "header"'],
    [
      "{ token: { query: 5 } }",
      "5:34 pools.chat.affinity[0].token.query must be a string; write it in quotes",
    ],
  ])("%j is explained by the nearest one", (entry, problem) => {
    expect(problemsInPool(`    affinity: [${entry}]`)).toEqual([problem]);
  });

  it.each([
    ["{ store: redis }", ['3:1 missing key "url" in sessions']],
    [
      "{ store: redis, urll: x }",
      [
        '3:1 missing key "url" in sessions',
        '3:27 unknown key "urll" in sessions; did you mean "url"?',
      ],
    ],
    [
      "{ store: reddis, url: x }",
      ['3:20 sessions.store must be "memory" or "redis", not "reddis"; did you mean "redis"?'],
    ],
    [
      "{ store: memory, url: x }",
      ['3:28 unknown key "url" in sessions; keys allowed here: store, ttl'],
    ],
    ["{ ttl: 5 }", ['3:18 sessions.ttl has no unit; write a unit: "2s" or "500ms"']],
  ])("%j is explained by the kind that it names", (text, problems) => {
    expect(problemsAtTop(`sessions: ${text}`)).toEqual(problems);
  });

  it("is explained through a discriminator", () => {
    const kinds = z.strictObject({
      health: z.discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("http"), path: z.string() }),
        z.strictObject({ kind: z.literal("tcp") }),
      ]),
    });
    expect(problemsOf("health: { kind: htp }", kinds)).toEqual([
      '1:17 health.kind must be "http" or "tcp", not "htp"; did you mean "http"?',
    ]);
    expect(problemsOf("health: { kind: http, paht: / }", kinds)).toEqual([
      '1:1 missing key "path" in health',
      '1:23 unknown key "paht" in health; did you mean "path"?',
    ]);
    expect(problemsOf("health: http", kinds)).toEqual(['1:9 health must be a mapping, not "http"']);
  });
});
