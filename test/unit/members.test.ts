import { describe, expect, it } from "vitest";
import type {
  DiscoveredBackend,
  DiscoverySink,
  DiscoverySource,
} from "../../src/discovery/discovery-source.ts";
import { Members } from "../../src/discovery/members.ts";
import { backendAt, messages, poolOf } from "../support/live-pool.ts";

class FakeSource implements DiscoverySource {
  readonly name: string;
  isClosed = false;
  #sink: DiscoverySink | undefined;

  constructor(name: string) {
    this.name = name;
  }

  start(sink: DiscoverySink): void {
    this.#sink = sink;
  }

  find(...ids: readonly string[]): void {
    this.findAll(ids.map((id) => ({ ...backendAt(id), draining: false })));
  }

  findAll(backends: readonly DiscoveredBackend[]): void {
    this.#sink?.found(backends);
  }

  fail(cause = "away"): void {
    this.#sink?.failed(cause);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}

function setUp(initial: readonly string[] = [], named: readonly string[] = initial) {
  const pool = poolOf(...initial);
  const [file, dns] = [new FakeSource("file"), new FakeSource("dns")];
  const { logger, lines } = messages();
  const drained: string[] = [];
  const members = new Members({
    ...{ pool, sources: [file, dns], logger },
    onDraining: ({ id }, isDraining) => void drained.push(`${id} ${String(isDraining)}`),
  });
  members.start(named.map((id) => backendAt(id)));
  const ids = (): string => pool.backends.map(({ id }) => id).join(" ");
  return { pool, file, dns, lines, drained, members, ids };
}

describe("the members of a pool", () => {
  it("are those that are named, then those that each source has found", () => {
    const { file, dns, ids } = setUp(["s"]);
    expect(ids()).toBe("s");
    file.find("f");
    dns.find("d1", "d2");
    expect(ids()).toBe("s f d1 d2");
    dns.find("d2", "d3");
    expect(ids()).toBe("s f d2 d3");
    file.find();
    expect(ids()).toBe("s d2 d3");
  });

  it("stay as they are while a source fails, which is said once, as is its recovery", () => {
    const { file, dns, ids, lines, members } = setUp();
    file.find("f");
    dns.find("d");
    for (let i = 0; i < 5; i++) dns.fail();
    expect(ids()).toBe("f d");
    expect(members.sources).toEqual([
      { name: "file", isFailing: false, backends: 1 },
      { name: "dns", isFailing: true, backends: 1 },
    ]);
    file.find("f", "g");
    expect(ids()).toBe("f g d");
    dns.find("e");
    expect(ids()).toBe("f g e");
    expect(lines).toEqual([
      "discovery fails, the last known backends stay",
      "discovery works again",
    ]);
  });

  it("are kept over a reload until every source has answered: failing is no answer", () => {
    const { file, dns, ids } = setUp(["old", "s"], ["s"]);
    file.find("f");
    dns.fail();
    expect(ids()).toBe("s f old");
    dns.find("d");
    expect(ids()).toBe("s f d");
  });

  it("keep who they are while others come and go", () => {
    const { file, dns, pool } = setUp();
    file.find("f");
    dns.find("d");
    const f = pool.byId("f");
    dns.find("x", "y");
    expect(pool.byId("f")).toBe(f);
    const generation = pool.generation;
    dns.find("x", "y");
    expect(pool.generation).toBe(generation);
  });

  it("have each id once: the first source counts, and the other is told of once", () => {
    const { file, dns, pool, lines } = setUp(["a"]);
    dns.findAll([{ ...backendAt("a", 2), draining: false }]);
    file.findAll([{ ...backendAt("a", 3), draining: false }]);
    dns.find("a");
    expect(pool.backends.map(({ url }) => url)).toEqual(["http://127.0.0.1:1"]);
    expect(lines).toEqual(Array(2).fill("a backend is found twice: the first counts"));
  });

  it("are drained when they announce it, and not any more when they take it back", () => {
    const { file, dns, drained } = setUp();
    file.find();
    const a = { ...backendAt("a"), draining: true };
    dns.findAll([a]);
    dns.findAll([a]);
    expect(drained).toEqual(["a true"]);
    dns.find("a");
    expect(drained).toEqual(["a true", "a false"]);
  });

  it("close their sources, and tell when all of them have spoken", async () => {
    const { file, dns, members } = setUp();
    let spoke = false;
    void members.allSpoke.then(() => (spoke = true));
    file.find("f");
    await Promise.resolve();
    expect(spoke).toBe(false);
    dns.fail();
    await members.allSpoke;
    expect(spoke).toBe(true);
    await members[Symbol.asyncDispose]();
    expect([file.isClosed, dns.isClosed]).toEqual([true, true]);
  });
});
