import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { verdictOf, verdictOfStatus, type Verdict } from "../../src/client/close-codes.ts";

const page = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");

/** The table of docs/protocol.md: what is to be done after each code. */
function documented(): Map<number, Verdict> {
  const verdicts = new Map<number, Verdict>();
  for (const [, codes = "", then = ""] of page.matchAll(/^\| (\d[\d, –]*) \|[^|]*\| (.*) \|$/gm)) {
    for (const range of codes.split(", ")) {
      const [from = NaN, to = from] = range.split("–").map(Number);
      for (let code = from; code <= to; code++) verdicts.set(code, verdictIn(then));
    }
  }
  return verdicts;
}

function verdictIn(then: string): Verdict {
  if (then.includes("the first limit")) return "first";
  if (then.includes("not before 5 s")) return "later";
  return then.startsWith("final") ? "final" : "again";
}

describe("what follows a close code", () => {
  it("is what the protocol's table says, code by code", () => {
    const table = documented();
    expect(table.size).toBeGreaterThan(2_000);
    for (const [code, verdict] of table) expect([code, verdictOf(code)]).toEqual([code, verdict]);
  });

  it("is another attempt for codes that nobody has given a meaning", () => {
    for (const code of [0, 999, 1004, 1016, 1999, 2999]) expect(verdictOf(code)).toBe("again");
  });

  it("is the end after a handshake that is refused for what the client is", () => {
    const final = Array.from({ length: 500 }, (_, i) => 100 + i).filter(
      (status) => verdictOfStatus(status) === "final",
    );
    expect(final).toEqual([401, 403, 404]);
  });
});
