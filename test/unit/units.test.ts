import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDuration, parseSize } from "../../src/core/units.ts";

describe("a duration", () => {
  it.each([
    ["0s", 0],
    ["500ms", 500],
    ["2s", 2000],
    ["1.5s", 1500],
    ["0.001s", 1],
    ["5m", 300_000],
    ["1h", 3_600_000],
    ["1d", 86_400_000],
    ["0.25h", 900_000],
  ])("%s is %d ms", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });
});

describe("a size", () => {
  it.each([
    ["0B", 0],
    ["512B", 512],
    ["64KiB", 65_536],
    ["1MiB", 1_048_576],
    ["2GiB", 2_147_483_648],
    ["1.5KiB", 1536],
  ])("%s is %d bytes", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });
});

describe("neither a duration nor a size", () => {
  it.each([
    "",
    "5",
    "s",
    "-1s",
    "+1s",
    " 1s",
    "1s ",
    "1 s",
    "1S",
    "1sec",
    "1,5s",
    ".5s",
    "1.s",
    "1.2345s",
    "1e3s",
    "0x1s",
    "1s1s",
    "1h30m",
    "Infinitys",
    "NaNs",
    "9".repeat(13) + "s",
    "1kib",
    "1KB",
    "1kB",
    "1Mi",
    "1b",
    "1\n",
    "١s",
  ])("is %j", (text) => {
    expect(parseDuration(text)).toBeUndefined();
    expect(parseSize(text)).toBeUndefined();
  });

  it.each(["1constructor", "1toString", "1valueOf", "1hasOwnProperty"])("is %s", (text) => {
    // Every object inherits these names; they are no units.
    expect(parseDuration(text)).toBeUndefined();
    expect(parseSize(text)).toBeUndefined();
  });

  it("is the other", () => {
    expect(parseDuration("1MiB")).toBeUndefined();
    expect(parseSize("1s")).toBeUndefined();
  });
});

describe("whatever is parsed", () => {
  it("is a whole number from 0 up, or nothing", () => {
    const likely = fc.stringMatching(/^\d{0,13}(\.\d{0,4})?(ms|s|m|h|d|B|KiB|MiB|GiB)?$/);
    fc.assert(
      fc.property(fc.oneof(likely, fc.string()), (text) => {
        for (const parsed of [parseDuration(text), parseSize(text)]) {
          if (parsed !== undefined) expect(Number.isInteger(parsed) && parsed >= 0).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
