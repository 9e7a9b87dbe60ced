import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Log, LogAppend, LogAppended } from "../../src/backend/broker/log.ts";
import { LogWriter } from "../../src/backend/delivery/log-writer.ts";
import { systemRandom } from "../../src/core/random.ts";
import { FakeClock } from "../support/fake-clock.ts";

type Fate = "takes" | "fails before" | "fails after";

/** A log whose batches fare as told, and then well. */
class FatefulLog implements Log {
  readonly knowsIds: boolean;
  readonly ids: string[] = [];
  isAway = false;
  readonly #fates: Fate[];

  constructor(fates: readonly Fate[], knowsIds = true) {
    this.#fates = [...fates];
    this.knowsIds = knowsIds;
  }

  async append(_: string, entries: readonly LogAppend[]): Promise<readonly LogAppended[]> {
    await Promise.resolve();
    const fate = this.#fates.shift() ?? "takes";
    if (this.isAway || fate === "fails before") throw new Error("away");
    const appended = entries.map(({ id }) => {
      const known = this.knowsIds ? this.ids.indexOf(id) : -1;
      const isNew = known === -1;
      const number = isNew ? this.ids.push(id) : known + 1;
      const position = { offset: String(number), epoch: "e" };
      return { position, isNew: this.knowsIds ? isNew : undefined };
    });
    if (fate === "fails after") throw new Error("no answer");
    return appended;
  }

  end(): Promise<never> {
    return Promise.reject(new Error("not used"));
  }

  read(): Promise<never> {
    return Promise.reject(new Error("not used"));
  }
}

function open(log: Log, { maxEntries = 1_000, maxBytes = 1_000_000, storeWithinMs = 60_000 } = {}) {
  const clock = new FakeClock();
  const changes: boolean[] = [];
  const writer = new LogWriter({
    ...{ log, maxEntries, maxBytes, storeWithinMs, clock },
    random: systemRandom,
    onChange: (isAway) => void changes.push(isAway),
  });
  const append = (id: string, bytes = 1): Promise<LogAppended> =>
    writer.append("c", { id, payload: Buffer.alloc(bytes) });
  /** Time passes until nothing is under way any more. */
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 300; i++) {
      clock.advance(200);
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    }
  };
  return { clock, writer, append, settle, changes };
}

const fates = fc.array(fc.constantFrom<Fate>("takes", "fails before", "fails after"), {
  maxLength: 20,
});

describe("what waits for a log", () => {
  it("gets there once and in order, whatever fails in between", async () => {
    await fc.assert(
      fc.asyncProperty(fates, fc.integer({ min: 1, max: 30 }), async (said, count) => {
        const log = new FatefulLog(said);
        const { append, settle } = open(log);
        const ids = Array.from({ length: count }, (_, i) => String(i));
        const stored = Promise.all(ids.map((id) => append(id)));
        await settle();
        expect((await stored).map(({ position }) => position.offset)).toEqual(
          ids.map((_, i) => String(i + 1)),
        );
        expect(log.ids).toEqual(ids);
      }),
      { numRuns: 50 },
    );
  });

  it("is not called new after a failure that nobody understands", async () => {
    const { append, settle } = open(new FatefulLog(["takes", "fails after"], false));
    const first = append("a");
    await settle();
    expect((await first).isNew).toBeUndefined();
    const second = append("b");
    await settle();
    expect((await second).isNew).toBe(false);
  });

  it("is refused when the log does not confirm it in time, and says what to do", async () => {
    const log = new FatefulLog(Array<Fate>(1_000).fill("fails before"));
    const { append, settle, changes } = open(log, { storeWithinMs: 5_000 });
    const stored = append("a");
    const refused = expect(stored).rejects.toMatchObject({
      code: "not_stored",
      retryable: true,
      message: expect.stringContaining("same key") as string,
    });
    await settle();
    await refused;
    expect(changes).toEqual([true]);
  });

  it("is refused with all that came behind it, so that the order stays when they come again", async () => {
    const log = new FatefulLog([]);
    log.isAway = true;
    const { append, settle, clock } = open(log, { storeWithinMs: 5_000 });
    const first = append("a");
    clock.advance(4_000);
    const outcomes = Promise.allSettled([first, append("b")]);
    await settle();
    expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    log.isAway = false;
    const again = Promise.all([append("a"), append("b")]);
    await settle();
    await again;
    expect(log.ids).toEqual(["a", "b"]);
  });

  it("is bounded in number and bytes, and one that is too large alone may go", async () => {
    const { append, settle } = open(new FatefulLog([]), { maxEntries: 2, maxBytes: 10 });
    const large = append("large", 1_000);
    expect(() => append("more")).toThrow(expect.objectContaining({ code: "queue_full" }) as Error);
    await settle();
    await large;
    const two = [append("a"), append("b")];
    expect(() => append("c")).toThrow(expect.objectContaining({ code: "queue_full" }) as Error);
    await settle();
    await Promise.all(two);
  });

  it("is refused when the node leaves, and no timer is left", async () => {
    const { append, clock, writer, settle } = open(new FatefulLog(["fails before"]));
    const refused = expect(append("a")).rejects.toMatchObject({ code: "not_stored" });
    writer.close();
    await settle();
    await refused;
    await writer.emptied();
    expect(clock.timers).toBe(0);
  });
});
