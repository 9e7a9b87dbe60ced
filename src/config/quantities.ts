import { z } from "zod";
import { formatAddress, type SocketAddress } from "../core/listen.ts";
import { formatDuration, formatSize, parseDuration, parseSize } from "../core/units.ts";
import { NEEDS_HOST, parseCidr, parseSocketAddress, type Parsed } from "./parse-address.ts";
import { showValue } from "./wording.ts";

/** A timer that is to wait longer fires at once. */
const MAX_DURATION_MS = 2 ** 31 - 1;

/** Units that people write, and the one they mean. */
const meantUnits: ReadonlyMap<string, string> = new Map([
  ...["msec", "msecs", "millis", "milliseconds"].map((unit) => [unit, "ms"] as const),
  ...["sec", "secs", "second", "seconds"].map((unit) => [unit, "s"] as const),
  ...["min", "mins", "minute", "minutes"].map((unit) => [unit, "m"] as const),
  ...["hr", "hrs", "hour", "hours"].map((unit) => [unit, "h"] as const),
  ...["day", "days"].map((unit) => [unit, "d"] as const),
  ...["byte", "bytes"].map((unit) => [unit, "B"] as const),
  ...["k", "kb"].map((unit) => [unit, "KiB"] as const),
  ...["mb"].map((unit) => [unit, "MiB"] as const),
  ...["g", "gb"].map((unit) => [unit, "GiB"] as const),
]);

/** Text in the file. A codec rather than a transform: `check` writes the values back. */
export type TextCodec<T> = z.ZodCodec<z.ZodString, z.ZodType<T, T>>;

/** `500ms`, `2s`, `5m`, `1h` or `1d`, as milliseconds: not negative, at most what a timer can wait. */
export const duration: TextCodec<number> = fromText(z.number(), {
  bareNumber: 'has no unit; write a unit: "2s" or "500ms"',
  expected: 'a duration such as "500ms", "2s", "5m", "1h" or "1d"',
  parse(text) {
    const value = parseDuration(text);
    if (value === undefined) return undefined;
    if (value <= MAX_DURATION_MS) return { value };
    return { problem: 'is longer than a timer can wait; write at most "24d"' };
  },
  format: formatDuration,
});

/** `512B`, `64KiB`, `1MiB` or `2GiB`, as bytes: not negative, and exact as a number. */
export const size: TextCodec<number> = fromText(z.number(), {
  bareNumber: 'has no unit; write a unit: "1MiB" or "64KiB"',
  expected: 'a size such as "512B", "64KiB", "1MiB" or "2GiB"',
  parse(text) {
    const value = parseSize(text);
    if (value === undefined) return undefined;
    return Number.isSafeInteger(value) ? { value } : { problem: "is more than can be counted" };
  },
  format: formatSize,
});

/** `127.0.0.1:8080`, `[::1]:8080`, `name:8080` or `unix:/path`. */
export const socketAddress: TextCodec<SocketAddress> = fromText(z.custom<SocketAddress>(), {
  bareNumber: NEEDS_HOST,
  expected: '"host:port" or "unix:/path"',
  parse: parseSocketAddress,
  format: formatAddress,
});

/** An IPv4 or IPv6 address, or a block of them: `10.0.0.0/8`. */
export const cidr: TextCodec<string> = fromText(z.string(), {
  bareNumber: "must be an IP address or block, such as 10.0.0.0/8",
  expected: 'an IP address or block such as "10.0.0.0/8"',
  parse: parseCidr,
  format: (block) => block,
});

interface TextForm<T> {
  /** The problem with `30`, reading on from the name of the value. */
  readonly bareNumber: string;
  readonly expected: string;
  /** Undefined when it is nothing like what is expected. */
  parse(text: string): Parsed<T> | undefined;
  format(value: T): string;
}

function fromText<T>(schema: z.ZodType<T, T>, form: TextForm<T>): TextCodec<T> {
  const text = z.string({
    error: ({ input }) => {
      if (input === undefined) return undefined;
      return typeof input === "number" ? form.bareNumber : `must be ${form.expected}`;
    },
  });
  return z.codec(text, schema, {
    decode(written, payload) {
      const parsed = form.parse(written) ?? { problem: describeText(written, form) };
      if ("value" in parsed) return parsed.value;
      payload.issues.push({ code: "custom", input: written, message: parsed.problem });
      return z.NEVER;
    },
    encode: (value) => form.format(value),
  });
}

function describeText(
  text: string,
  { bareNumber, expected }: Pick<TextForm<unknown>, "bareNumber" | "expected">,
): string {
  if (/^\d+(?:\.\d+)?$/.test(text)) return bareNumber;
  if (/^-\s*\d/.test(text)) return "must not be negative";
  const [, amount = "", unit = ""] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text) ?? [];
  const meant = meantUnits.get(unit.toLowerCase());
  const hint = meant === undefined ? "" : `; write "${amount}${meant}"`;
  return `must be ${expected}, not ${showValue(text)}${hint}`;
}
