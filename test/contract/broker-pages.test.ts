import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { requireFace } from "../../src/backend/broker/broker.ts";
import type { Log, LogEntry } from "../../src/backend/broker/log.ts";
import { brokerServers, openNode } from "../support/brokers.ts";
import { endLasting } from "../support/when-done.ts";

const SETUP_MS = 60_000;
const RETENTION = { messages: 2_000, ageMs: 3_600_000 };
const PAGE = 100;

afterAll(endLasting);

function textsOf(entries: readonly LogEntry[]): string[] {
  return entries.map(({ payload }) => payload.toString());
}

describe.each(brokerServers)("a log on $name that is read from far behind", ({ start }) => {
  let log: Log;
  let other: Log;
  beforeAll(async () => {
    const url = await start();
    const [a, b] = await Promise.all([
      openNode(url, { retention: RETENTION }),
      openNode(url, { retention: RETENTION }),
    ]);
    log = requireFace(a, "log", "this test");
    other = requireFace(b, "log", "this test");
  }, SETUP_MS);

  /** Appends `count` more entries, numbered on. */
  async function append(channel: string, texts: string[], count: number): Promise<void> {
    const more = Array.from({ length: count }, (_, i) => `${channel}/${texts.length + i}`);
    await log.append(
      channel,
      more.map((text) => ({ id: text, payload: Buffer.from(text) })),
    );
    texts.push(...more);
  }

  it("gives each entry of a channel once and in order, however much of others lies between", async () => {
    const [busy, quiet] = ["pages.busy", "pages.quiet"];
    const from = await log.end(busy);
    const fromQuiet = await log.end(quiet);
    const texts: Record<string, string[]> = { [busy]: [], [quiet]: [] };
    for (let i = 0; i < 10; i++) {
      await append(busy, (texts[busy] ??= []), 50);
      await append(quiet, (texts[quiet] ??= []), 7);
    }
    for (const [channel, start] of [
      [busy, from],
      [quiet, fromQuiet],
    ] as const) {
      const found: string[] = [];
      for (let next = start, isMore = true; isMore;) {
        const slice = await other.read(channel, next, PAGE);
        expect(slice.gap).toBeUndefined();
        found.push(...textsOf(slice.entries));
        next = slice.next;
        isMore = slice.entries.length === PAGE;
        // It comes while the channel is read.
        if (isMore) await append(channel, (texts[channel] ??= []), 1);
      }
      expect(found).toEqual(texts[channel]);
    }
  });

  it("serves many who read many channels from different positions at once", async () => {
    const channels = Array.from({ length: 20 }, (_, i) => `many.${i}`);
    const places = await Promise.all(
      channels.map(async (channel) => {
        const texts: string[] = [];
        const positions = [await log.end(channel)];
        for (let i = 0; i < 3; i++) {
          await append(channel, texts, 10);
          positions.push(await log.end(channel));
        }
        return positions.map((from, i) => ({ channel, from, wanted: texts.slice(10 * i) }));
      }),
    );
    const readers = [...places.flat(), ...places.flat(), ...places.flat()];
    const slices = await Promise.all(
      readers.map(({ channel, from }) => other.read(channel, from, PAGE)),
    );
    expect(slices.map(({ entries }) => textsOf(entries))).toEqual(
      readers.map(({ wanted }) => wanted),
    );
  });
});
