import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RingwayClientError } from "../../src/client/client-error.ts";
import { Outbox, type OutboxLimits } from "../../src/client/outbox.ts";
import { Requests, type Outcome } from "../../src/client/requests.ts";
import { Retry } from "../../src/client/retry.ts";
import { FakeEnvironment } from "../support/client-environment.ts";

interface Sent {
  readonly n: number;
  readonly key: number;
  readonly again?: boolean;
}

function open(limits: Partial<OutboxLimits> = {}) {
  const environment = new FakeEnvironment();
  const sent: Sent[] = [];
  const requests = new Requests((text) => void sent.push(JSON.parse(text) as Sent));
  const retry = new Retry(environment, { firstMs: 1_000, maxMs: 1_000 });
  const outbox = new Outbox(requests, retry, { messages: 10_000, bytes: 1e9, ...limits });
  let keys = 0;
  const results: string[] = [];
  /** Its result appears at its place. */
  const publish = (isKept = true, signal?: AbortSignal): number => {
    const key = keys++;
    results[key] = "waits";
    outbox.add({ json: JSON.stringify({ key }), channel: "room", isKept, signal }).then(
      () => (results[key] = "published"),
      (error: unknown) => (results[key] = (error as RingwayClientError).code),
    );
    return key;
  };
  const connect = (): void => {
    requests.open();
    requests.repeat();
    outbox.open();
  };
  const lose = (): void => {
    outbox.lose();
    requests.lose();
  };
  const confirm = (n: number): void => {
    requests.answer(n, { type: "published", re: n, id: "id" });
  };
  const refuse = (n: number, retryable: boolean, code = "queue_full"): void => {
    requests.refuse(n, code, { message: "", retryable });
  };
  return { environment, outbox, sent, results, publish, connect, lose, confirm, refuse };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("what a client publishes", () => {
  it("is confirmed in the end, first copies in order, through whatever losses", async () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.constant("publish" as const) },
      { weight: 3, arbitrary: fc.constant("answer" as const) },
      { weight: 1, arbitrary: fc.constant("lose" as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        const { sent, results, publish, connect, lose, confirm } = open();
        const stored: number[] = [];
        let answered = 0;
        connect();
        for (const each of steps) {
          if (each === "publish") publish();
          else if (each === "lose") {
            // The node has read all of it or a part: what it has read, it has stored.
            stored.push(...sent.slice(answered, answered + 2).map(({ key }) => key));
            answered = sent.length;
            lose();
            connect();
          } else if (answered < sent.length) {
            const { n = 0, key = 0 } = sent[answered++] ?? {};
            stored.push(key);
            confirm(n);
          }
        }
        while (answered < sent.length) {
          const { n = 0, key = 0 } = sent[answered++] ?? {};
          stored.push(key);
          confirm(n);
        }
        await turn();
        expect(results).toEqual(results.map(() => "published"));
        expect([...new Set(stored)]).toEqual(results.map((_, key) => key));
        const copies = new Set<number>();
        for (const { key, again } of sent) {
          expect(again ?? false).toBe(copies.has(key));
          copies.add(key);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("waits for a connection, and is sent once and no more when it is kept nowhere", async () => {
    const { sent, results, publish, connect, lose } = open();
    publish(false);
    expect(sent).toEqual([]);
    connect();
    publish(true);
    lose();
    connect();
    await turn();
    expect(sent.map(({ key, again }) => [key, again])).toEqual([
      [0, undefined],
      [1, undefined],
      [1, true],
    ]);
    expect(results).toEqual(["unconfirmed", "waits"]);
  });

  it("is held back while the node refuses it for now, and sent again with what waits behind it", async () => {
    const { environment, sent, results, publish, connect, refuse, confirm } = open();
    connect();
    publish();
    publish();
    refuse(1, true);
    publish();
    expect(sent).toHaveLength(2);
    confirm(2);
    environment.clock.advance(500);
    expect(sent.slice(2).map(({ key, again }) => [key, again])).toEqual([
      [0, true],
      [2, undefined],
    ]);
    confirm(3);
    refuse(4, false, "forbidden");
    await turn();
    expect(results).toEqual(["published", "published", "forbidden"]);
    expect(environment.clock.timers).toBe(0);
  });

  it("is told of a refusal for now when it is to be sent at most once", async () => {
    const { results, publish, connect, refuse } = open();
    connect();
    publish(false);
    refuse(1, true);
    await turn();
    expect(results).toEqual(["queue_full"]);
  });

  it("is bounded in number and bytes, and can be aborted where it waits and under way", async () => {
    const { sent, results, outbox, publish, connect, confirm } = open({ messages: 2 });
    const abort = new AbortController();
    publish(true, abort.signal);
    publish(true);
    publish(true);
    await turn();
    expect(results).toEqual(["waits", "waits", "queue_full"]);
    abort.abort();
    publish(true, abort.signal);
    const late = new AbortController();
    publish(true, late.signal);
    connect();
    expect(sent.map(({ key }) => key)).toEqual([1, 4]);
    late.abort();
    confirm(2); // of one that nobody waits for
    await turn();
    expect(results).toEqual(["aborted", "waits", "queue_full", "aborted", "aborted"]);
    outbox.close(new RingwayClientError("closed", ""));
    await turn();
    expect(results[1]).toBe("closed");

    const small = open({ bytes: 20 });
    for (let i = 0; i < 3; i++) small.publish();
    await turn();
    expect(small.results).toEqual(["waits", "waits", "queue_full"]);
  });

  it("leaves room for other requests, however much of it waits", () => {
    const { sent, publish, connect, confirm } = open();
    connect();
    for (let i = 0; i < 2_000; i++) publish();
    expect(sent).toHaveLength(500);
    for (let n = 1; n <= 1_500; n++) confirm(n);
    expect(sent.map(({ key }) => key)).toEqual(Array.from({ length: 2_000 }, (_, key) => key));
  });
});

describe("requests", () => {
  function ask() {
    const sent: { n: number; which: number }[] = [];
    const requests = new Requests((text) => {
      sent.push(JSON.parse(text) as { n: number; which: number });
    });
    const outcomes: unknown[] = [];
    const make = (which: number, isRepeatable = false): void => {
      const json = JSON.stringify({ which });
      const done = (outcome: Outcome): unknown => (outcomes[which] = outcome);
      requests.ask({ channel: "room", json, done, isRepeatable });
    };
    return { sent, requests, outcomes, make };
  }

  it("are 1,000 at most without an answer, and no number is used twice", () => {
    const { sent, requests, make, outcomes } = ask();
    requests.open();
    for (let which = 0; which < 2_500; which++) make(which);
    expect(sent).toHaveLength(1_000);
    for (let n = 1; n <= 2_500; n++) requests.answer(n, { type: "left", re: n });
    expect(sent.map(({ which }) => which)).toEqual(Array.from({ length: 2_500 }, (_, i) => i));
    expect(new Set(sent.map(({ n }) => n)).size).toBe(2_500);
    expect(outcomes).toEqual(sent.map(({ n }) => ({ type: "left", re: n })));
  });

  it("are lost with their connection, or asked again on the next one where that does no harm", () => {
    const { sent, requests, outcomes, make } = ask();
    make(0, true);
    requests.open();
    requests.repeat();
    make(1);
    requests.lose();
    expect(outcomes).toEqual([undefined, "lost"]);
    requests.answer(1, { type: "left", re: 1 }); // too late: it was another connection's
    expect(outcomes[0]).toBeUndefined();
    requests.open();
    requests.repeat();
    expect(sent.map(({ which }) => which)).toEqual([0, 1, 0]);
    requests.answer(sent[2]?.n ?? 0, { type: "left", re: 3 });
    expect(outcomes[0]).toEqual({ type: "left", re: 3 });
  });

  it("wait in a number that is bounded, and are all told when the client is closed", () => {
    const { requests, outcomes, make } = ask();
    for (let which = 0; which <= 10_000; which++) make(which, true);
    expect(outcomes[10_000]).toMatchObject({ code: "queue_full", retryable: true });
    const closed = new RingwayClientError("closed", "");
    requests.close(closed);
    expect(outcomes.slice(0, 10_000).every((outcome) => outcome === closed)).toBe(true);
  });
});
