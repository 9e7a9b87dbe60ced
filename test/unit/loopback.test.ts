import { describe, expect, it } from "vitest";
import { isLoopback } from "../../src/admin/loopback.ts";

describe("a peer", () => {
  it.each([undefined, "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "::FFFF:127.0.0.2"])(
    "at %s is on this machine",
    (address) => expect(isLoopback(address)).toBe(true),
  );

  it.each([
    "128.0.0.1",
    "10.0.0.1",
    "::2",
    "::",
    "::ffff:10.0.0.1",
    "fe80::1%eth0",
    "",
    "localhost",
  ])("at %s may be anywhere", (address) => expect(isLoopback(address)).toBe(false));
});
