import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { cidr, duration, size, socketAddress } from "../../src/config/quantities.ts";

/** What a schema says of a value; undefined when it takes it. */
function refusal(schema: z.ZodType, value: unknown): string | undefined {
  const { error } = schema.safeParse(value);
  return error?.issues.map(({ message }) => message).join(" / ");
}

describe("a duration", () => {
  it.each([
    ["0s", 0],
    ["500ms", 500],
    ["2s", 2_000],
    ["1.5s", 1_500],
    ["5m", 300_000],
    ["1h", 3_600_000],
    ["1d", 86_400_000],
    ["2147483647ms", 2 ** 31 - 1],
  ])("%s is %d ms", (text, ms) => {
    expect(duration.parse(text)).toBe(ms);
  });

  it.each([30, 0, -5, 1.5, "30", "1.5"])("of %j has no unit", (value) => {
    expect(refusal(duration, value)).toBe('has no unit; write a unit: "2s" or "500ms"');
  });

  it.each(["-5s", "-1ms", "- 2h"])("%s is negative", (text) => {
    expect(refusal(duration, text)).toBe("must not be negative");
  });

  it.each(["2147483648ms", "25d", "600h", "999999999999d"])(
    "%s is longer than a timer waits",
    (text) => {
      expect(refusal(duration, text)).toBe('is longer than a timer can wait; write at most "24d"');
    },
  );

  it.each([
    ["5 s", undefined],
    ["5sec", "5s"],
    ["5 seconds", "5s"],
    ["10Min", "10m"],
    ["1hour", "1h"],
    ["2days", "2d"],
    ["20msec", "20ms"],
  ])("%j names what to write instead: %j", (text, meant) => {
    const message = refusal(duration, text) ?? "";
    expect(message).toContain(`not "${text}"`);
    if (meant === undefined) expect(message).not.toContain("; write");
    else expect(message).toContain(`; write "${meant}"`);
  });

  it.each([
    "",
    " ",
    "s",
    "1h30m",
    "+5s",
    "1e3s",
    "5S",
    "0x5s",
    "five",
    "5constructor",
    "٥s",
    "5s\n",
  ])("cannot be %j", (text) => {
    expect(refusal(duration, text)).toMatch(/^must be a duration such as "500ms", "2s"/);
  });

  it.each([null, true, [], {}, ["2s"]])("cannot be %j", (value) => {
    expect(refusal(duration, value)).toMatch(/^must be a duration such as/);
  });

  it("shows only the beginning of a long text", () => {
    expect((refusal(duration, "x".repeat(100_000)) ?? "").length).toBeLessThan(200);
  });

  it("can have a default in milliseconds", () => {
    expect(duration.default(5_000).parse(undefined)).toBe(5_000);
  });
});

describe("a size", () => {
  it.each([
    ["0B", 0],
    ["512B", 512],
    ["64KiB", 65_536],
    ["1MiB", 1_048_576],
    ["1.5KiB", 1_536],
    ["2GiB", 2_147_483_648],
  ])("%s is %d bytes", (text, bytes) => {
    expect(size.parse(text)).toBe(bytes);
  });

  it.each([1024, "1024", 0])("of %j has no unit", (value) => {
    expect(refusal(size, value)).toBe('has no unit; write a unit: "1MiB" or "64KiB"');
  });

  it.each([
    ["1MB", "1MiB"],
    ["64kb", "64KiB"],
    ["64K", "64KiB"],
    ["2 GB", "2GiB"],
    ["5 bytes", "5B"],
  ])("%j is taken for %j, but not accepted", (text, meant) => {
    expect(refusal(size, text)).toMatch(new RegExp(`not "${text}"; write "${meant}"$`));
  });

  it("cannot be more than a number counts exactly", () => {
    expect(refusal(size, "999999999999GiB")).toBe("is more than can be counted");
  });

  it.each(["-1MiB", "", "MiB", "1mib", "1toString", null, false])("cannot be %j", (value) => {
    expect(refusal(size, value)).toMatch(/^must /);
  });
});

describe("a socket address", () => {
  it.each([
    ["127.0.0.1:8080", { host: "127.0.0.1", port: 8080 }],
    ["0.0.0.0:0", { host: "0.0.0.0", port: 0 }],
    ["[::1]:443", { host: "::1", port: 443 }],
    ["[::]:65535", { host: "::", port: 65_535 }],
    ["localhost:80", { host: "localhost", port: 80 }],
    ["edge-1.example.com:9900", { host: "edge-1.example.com", port: 9900 }],
    ["unix:/run/ringway.sock", { path: "/run/ringway.sock" }],
    ["unix:/a b:c", { path: "/a b:c" }],
  ])("can be %s", (text, address) => {
    expect(socketAddress.parse(text)).toEqual(address);
  });

  it.each([8080, "8080", ":8080", "*:8080"])("%j lacks a host", (value) => {
    expect(refusal(socketAddress, value)).toMatch(/^needs a host: write "0\.0\.0\.0:8080"/);
  });

  it.each(["::1:443", "::1", "2001:db8::5:80"])("%s needs brackets", (text) => {
    expect(refusal(socketAddress, text)).toMatch(/IPv6 address in brackets, "\[::1\]:8080"/);
  });

  it.each(["localhost:65536", "localhost:-1", "localhost:", "localhost:http", "localhost:080"])(
    "%s has no port",
    (text) => {
      expect(refusal(socketAddress, text)).toMatch(/^must end in a port from 0 to 65535, not "/);
    },
  );

  it.each(["300.0.0.1:80", "127.0.0:80", "a..b:80", "-a:80", "a b:80", "a/b:80", "é:80"])(
    "%s has no host name",
    (text) => {
      expect(refusal(socketAddress, text)).toMatch(/^must have an address or a host name/);
    },
  );

  it.each(["[127.0.0.1]:80", "[x]:80", "[::g]:80"])("%s has no IPv6 address", (text) => {
    expect(refusal(socketAddress, text)).toMatch(/^must have an IPv6 address before its port/);
  });

  it.each(["unix:", "unix:/", "unix:run.sock", "unix:/a/", "unix:/a\0b", "unix:/a\nb"])(
    "%j is no path of a socket",
    (text) => {
      expect(refusal(socketAddress, text)).toMatch(/^must be an absolute path/);
    },
  );

  it("is no URL", () => {
    expect(refusal(socketAddress, "http://127.0.0.1:80")).toMatch(/without a scheme/);
  });

  it.each(["", "localhost", "[::1]", "[::1]443", "a:b:c", null, {}])("cannot be %j", (value) => {
    expect(refusal(socketAddress, value)).toMatch(/^must be "host:port"/);
  });
});

describe("a CIDR block", () => {
  it.each([
    "10.0.0.0/8",
    "192.0.2.1",
    "0.0.0.0/0",
    "192.0.2.1/32",
    "::/0",
    "fd00::/8",
    "::1",
    "2001:db8::/128",
    "::ffff:10.0.0.0/104",
  ])("can be %s", (text) => {
    expect(cidr.parse(text)).toBe(text);
  });

  it.each(["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/08", "::/129", "::/x"])(
    "%s has no prefix length",
    (text) => {
      expect(refusal(cidr, text)).toMatch(/^must end in a prefix length from \/0 to \/(32|128)/);
    },
  );

  it.each(["", "10.0.0/8", "10.0.0.256", "example.com", "10.0.0.0/8/8", "fe80::1%eth0", " ::1"])(
    "cannot be %j",
    (text) => {
      expect(refusal(cidr, text)).toMatch(
        /^must be an IP address or block such as "10\.0\.0\.0\/8"/,
      );
    },
  );
});

describe("every quantity", () => {
  it.each([
    ["duration", duration],
    ["size", size],
    ["socketAddress", socketAddress],
    ["cidr", cidr],
  ])("leaves a missing %s to be called missing", (_name, schema) => {
    expect(refusal(schema, undefined)).toMatch(/^Invalid input/);
  });

  it.each([
    [duration, ["0ms", "1ms", "1500ms", "2s", "90s", "5m", "1h", "1d"]],
    [size, ["0B", "1023B", "64KiB", "1025KiB", "1MiB", "2GiB"]],
    [socketAddress, ["127.0.0.1:0", "[::1]:443", "unix:/run/a.sock"]],
    [cidr, ["10.0.0.0/8", "::1"]],
  ])("is written back as it would be read (%#)", (schema, texts) => {
    for (const text of texts) expect(z.encode<z.ZodType>(schema, schema.parse(text))).toBe(text);
  });

  it("is read from what was written back, whatever the number", () => {
    const numbers = fc.integer({ min: 0, max: 2 ** 31 - 1 });
    fc.assert(
      fc.property(numbers, (number) => {
        expect(duration.parse(z.encode(duration, number))).toBe(number);
        expect(size.parse(z.encode(size, number))).toBe(number);
      }),
    );
  });

  it("never throws on any text", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: fc.constantFrom(...Array.from("0129.:[]/-%smhdMKGiB unix*")) }),
    );
    fc.assert(
      fc.property(text, (written) => {
        for (const schema of [duration, size, socketAddress, cidr]) schema.safeParse(written);
      }),
      { numRuns: 2_000 },
    );
  });
});
