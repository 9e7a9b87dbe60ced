import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Inbox } from "../../src/client/inbox.ts";
import type { Message } from "../../src/client/message.ts";
import type { MessageFields } from "../../src/client/node-message.ts";
import { Settlements } from "../../src/client/settlements.ts";

type Handler = (message: Message) => unknown;

function fieldsOf(id: string, offset?: string): MessageFields {
  const place = offset === undefined ? undefined : { offset, epoch: "e" };
  return { type: "message", channel: "room", id, at: 1, data: id, place, deliveries: 1 };
}

function open(...handlers: Handler[]) {
  const sent: Record<string, unknown>[] = [];
  const failures: unknown[] = [];
  let overflows = 0;
  const settlements = new Settlements((text) => {
    sent.push(JSON.parse(text) as Record<string, unknown>);
  });
  const inbox = new Inbox({
    channel: "room",
    settlements,
    handlers: () => handlers,
    onFailure: (cause) => void failures.push(cause),
    onOverflow: () => {
      overflows++;
    },
  });
  const acked = (): unknown[] => sent.flatMap(({ offsets }) => offsets ?? []);
  return { inbox, sent, acked, failures, handlers, overflows: () => overflows };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("an inbox", () => {
  it("hands each message over once and in order, and settles each in the end, whatever comes twice", async () => {
    const steps = fc.array(
      fc.oneof(
        { weight: 3, arbitrary: fc.record({ do: fc.constant("new" as const) }) },
        {
          weight: 2,
          arbitrary: fc.record({ do: fc.constant("again" as const), which: fc.nat(50) }),
        },
        { weight: 2, arbitrary: fc.record({ do: fc.constant("finish" as const) }) },
      ),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(steps, fc.boolean(), async (history, isAsync) => {
        const handled: string[] = [];
        const finish: (() => void)[] = [];
        const { inbox, acked, failures } = open(({ id }) => {
          handled.push(id);
          if (isAsync) return new Promise<void>((resolve) => finish.push(resolve));
          return undefined;
        });
        const ids: string[] = [];
        /** By id, the offset of its latest copy. */
        const offsets = new Map<string, string>();
        let copies = 0;
        const send = (id: string): void => {
          offsets.set(id, String(++copies));
          inbox.take(fieldsOf(id, String(copies)));
        };
        for (const step of history) {
          if (step.do === "new") send(ids[ids.push(`m${ids.length}`) - 1] ?? "");
          else if (step.do === "again" && ids.length > 0) send(ids[step.which % ids.length] ?? "");
          else finish.shift()?.();
          await turn();
        }
        for (let i = 0; i < 100; i++) {
          finish.shift()?.();
          await turn();
        }
        expect(handled).toEqual(ids);
        expect(failures).toEqual([]);
        // Each copy that came last is settled, those before it may be.
        expect(acked()).toEqual(expect.arrayContaining([...offsets.values()]));
        expect(new Set(acked()).size).toBe(acked().length);
      }),
      { numRuns: 100 },
    );
  });

  it("settles what its handlers have dealt with, all of a turn in one message", async () => {
    const { inbox, sent } = open(() => undefined);
    for (let i = 0; i < 5; i++) inbox.take(fieldsOf(`m${i}`, String(i)));
    expect(sent).toEqual([]);
    await turn();
    const offsets = ["0", "1", "2", "3", "4"];
    expect(sent).toEqual([{ type: "ack", channel: "room", epoch: "e", offsets }]);
  });

  it("gives the next message to an asynchronous handler when it has ended", async () => {
    const log: string[] = [];
    const { inbox } = open(async ({ id }) => {
      log.push(`begins ${id}`);
      await turn();
      log.push(`ends ${id}`);
    });
    for (const id of ["a", "b"]) inbox.take(fieldsOf(id));
    for (let i = 0; i < 4; i++) await turn();
    expect(log).toEqual(["begins a", "ends a", "begins b", "ends b"]);
  });

  it("asks again for what a handler has failed with, hands it over again, and says why", async () => {
    let calls = 0;
    const { inbox, sent, failures } = open(() => {
      calls++;
      if (calls === 1) throw new Error("first");
      return calls === 2 ? Promise.reject(new Error("second")) : undefined;
    });
    for (const offset of ["1", "2", "3"]) {
      inbox.take(fieldsOf("a", offset));
      await turn();
    }
    const nack = { type: "nack", channel: "room", epoch: "e" };
    expect(sent).toEqual([
      { ...nack, offset: "1", reason: "Error: first" },
      { ...nack, offset: "2", reason: "Error: second" },
      { type: "ack", channel: "room", epoch: "e", offsets: ["3"] },
    ]);
    expect(failures.map(String)).toEqual(["Error: first", "Error: second"]);
  });

  it("is settled by the first of all calls, and by none of an earlier delivery", async () => {
    const got: Message[] = [];
    const { inbox, sent } = open((message) => got.push(message));
    inbox.isManual = true;
    inbox.take(fieldsOf("a", "1"));
    got[0]?.nack({ delay: 50, reason: "x".repeat(600) });
    got[0]?.ack();
    inbox.take(fieldsOf("a", "2"));
    got[0]?.ack();
    await turn();
    const nack = { type: "nack", channel: "room", epoch: "e", offset: "1", delayMs: 50 };
    expect(sent).toEqual([{ ...nack, reason: "x".repeat(500) }]);
    got[1]?.ack();
    got[1]?.nack();
    await turn();
    expect(sent).toHaveLength(2);
    expect(sent[1]).toMatchObject({ type: "ack", offsets: ["2"] });
  });

  it("settles nothing by itself when that is done by hand, not even after a failure", async () => {
    const { inbox, sent, failures } = open(() => {
      throw new Error("no");
    });
    inbox.isManual = true;
    inbox.take(fieldsOf("a", "1"));
    await turn();
    expect([sent.length, failures.length]).toEqual([0, 1]);
  });

  it("keeps messages for the first handler: those that come again, and the last of the others", () => {
    const got: string[] = [];
    const { inbox, handlers, overflows } = open();
    for (let i = 0; i < 50; i++) inbox.take(fieldsOf(`kept ${i}`, String(i)));
    for (let i = 0; i < 200; i++) inbox.take(fieldsOf(`live ${i}`));
    handlers.push(({ id }) => got.push(id));
    inbox.handOver();
    expect(got.slice(0, 50)).toEqual(Array.from({ length: 50 }, (_, i) => `kept ${i}`));
    expect(got.slice(50)).toEqual(Array.from({ length: 50 }, (_, i) => `live ${150 + i}`));
    expect(overflows()).toBe(0);
  });

  it("takes a thousand messages at most, and says once that others are dropped", async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const { inbox, overflows, acked } = open(() => held);
    for (let i = 0; i < 1_500; i++)
      inbox.take(fieldsOf(`m${i}`, i % 2 === 0 ? String(i) : undefined));
    expect(overflows()).toBe(1);
    release();
    await turn();
    // Those of at-least-once delivery that were not taken are not settled: they come again.
    expect(acked()).toHaveLength(500);
    inbox.take(fieldsOf("m1000", "1000"));
    await turn();
    expect(acked()).toHaveLength(501);
    expect(overflows()).toBe(1);
  });

  it("remembers a thousand ids behind the last", async () => {
    let handled = 0;
    const { inbox } = open(() => {
      handled++;
    });
    for (let i = 0; i <= 1_000; i++) inbox.take(fieldsOf(`m${i}`));
    for (let i = 1; i <= 1_000; i++) inbox.take(fieldsOf(`m${i}`));
    await turn();
    expect(handled).toBe(1_001);
  });

  it("forgets what it holds when its channel is left", async () => {
    const got: Message[] = [];
    const { inbox, sent } = open((message) => got.push(message));
    inbox.isManual = true;
    inbox.take(fieldsOf("a", "1"));
    inbox.clear();
    got[0]?.ack();
    await turn();
    expect(sent).toEqual([]);
  });
});
