import type { Broker, BrokerContext } from "./broker.ts";
import type { Bus, BusListener, BusMessage } from "./bus.ts";
import { CURSOR_AGES, type Cursors } from "./cursors.ts";
import type { Log, LogAppend, LogAppended, LogSlice, Position, Retention } from "./log.ts";
import type { Store, StoreEntry } from "./store.ts";

interface Stored {
  readonly id: string;
  readonly payload: Buffer;
  readonly atMs: number;
}

interface MemoryChannel {
  readonly epoch: string;
  /** The number of the first entry; they count from 1. */
  first: number;
  readonly entries: Stored[];
  /** The numbers of entries by their ids. */
  readonly numbers: Map<string, number>;
}

interface Place extends StoreEntry {
  readonly untilMs: number;
}

/** What the brokers of one name in this process share. */
class Hub {
  readonly buses = new Set<MemoryBus>();
  readonly logs = new Map<string, MemoryChannel>();
  readonly entries = new Map<string, StoreEntry>();
  /** In the order in which they end. */
  readonly places = new Map<string, Place>();
  version = 0;
}

/** By URL and namespace. A hub goes when its last broker is closed. */
const hubs = new Map<string, Hub>();

/** `memory:` or `memory:NAME`: for one process; brokers of the same URL in it hear each other. */
export function openMemory(url: string, context: BrokerContext): Promise<Broker> {
  const key = JSON.stringify([url, context.namespace]);
  const hub = hubs.get(key) ?? new Hub();
  hubs.set(key, hub);
  const bus = new MemoryBus(hub);
  hub.buses.add(bus);
  return Promise.resolve({
    name: "memory:",
    bus,
    log: new MemoryLog(hub, context),
    store: new MemoryStore(hub),
    cursors: new MemoryCursors(hub, context),
    missing: {},
    [Symbol.asyncDispose]() {
      hub.buses.delete(bus);
      if (hub.buses.size === 0) hubs.delete(key);
      return Promise.resolve();
    },
  });
}

class MemoryBus implements Bus {
  readonly #hub: Hub;
  readonly #channels = new Set<string>();
  #listener: BusListener | undefined;

  constructor(hub: Hub) {
    this.#hub = hub;
  }

  listen(listener: BusListener): void {
    this.#listener = listener;
  }

  publish(messages: readonly BusMessage[]): Promise<void> {
    for (const { channel, payload } of messages) {
      for (const bus of this.#hub.buses) {
        if (bus.#channels.has(channel)) bus.#listener?.received(channel, payload);
      }
    }
    return Promise.resolve();
  }

  subscribe(channels: readonly string[]): Promise<void> {
    for (const channel of channels) this.#channels.add(channel);
    return Promise.resolve();
  }

  unsubscribe(channels: readonly string[]): Promise<void> {
    for (const channel of channels) this.#channels.delete(channel);
    return Promise.resolve();
  }
}

class MemoryLog implements Log {
  readonly knowsIds = true;
  readonly #hub: Hub;
  readonly #retention: Retention;
  readonly #context: BrokerContext;

  constructor(hub: Hub, context: BrokerContext) {
    this.#hub = hub;
    this.#retention = context.retention;
    this.#context = context;
  }

  append(channel: string, entries: readonly LogAppend[]): Promise<readonly LogAppended[]> {
    const log = this.#channelOf(channel);
    const { epoch } = log;
    const appended = entries.map(({ id, payload }) => {
      const known = log.numbers.get(id);
      if (known !== undefined) return { position: { epoch, offset: String(known) }, isNew: false };
      log.entries.push({ id, payload, atMs: this.#context.clock.nowMs() });
      const number = log.first - 1 + log.entries.length;
      log.numbers.set(id, number);
      return { position: { epoch, offset: String(number) }, isNew: true };
    });
    this.#trim(log);
    return Promise.resolve(appended);
  }

  end(channel: string): Promise<Position> {
    return Promise.resolve(endOf(this.#channelOf(channel)));
  }

  read(channel: string, from: Position | undefined, limit: number): Promise<LogSlice> {
    const log = this.#channelOf(channel);
    this.#trim(log);
    const { epoch, first } = log;
    const start = { offset: String(first - 1), epoch };
    const isForeign = from !== undefined && from.epoch !== epoch;
    const asked = from === undefined || isForeign ? first : Number(from.offset) + 1;
    const at = Math.max(asked, first);
    const entries = log.entries.slice(at - first, at - first + limit).map(({ payload }, i) => ({
      payload,
      position: { offset: String(at + i), epoch },
    }));
    const reason = isForeign ? "epoch" : "trimmed";
    const hasGap = from !== undefined && (isForeign || asked < first);
    return Promise.resolve({
      entries,
      gap: hasGap ? { reason, asked: from, resumes: start } : undefined,
      next: { offset: String(at - 1 + entries.length), epoch },
    });
  }

  #channelOf(channel: string): MemoryChannel {
    let log = this.#hub.logs.get(channel);
    if (log === undefined) {
      log = { epoch: this.#context.random.uuid(), first: 1, entries: [], numbers: new Map() };
      this.#hub.logs.set(channel, log);
    }
    return log;
  }

  #trim(log: MemoryChannel): void {
    const { messages, ageMs } = this.#retention;
    const oldestMs = this.#context.clock.nowMs() - ageMs;
    let count = Math.max(0, log.entries.length - messages);
    while ((log.entries[count]?.atMs ?? Infinity) < oldestMs) count++;
    for (const { id } of log.entries.splice(0, count)) log.numbers.delete(id);
    log.first += count;
  }
}

function endOf({ epoch, first, entries }: MemoryChannel): Position {
  return { offset: String(first - 1 + entries.length), epoch };
}

class MemoryStore implements Store {
  readonly #hub: Hub;

  constructor(hub: Hub) {
    this.#hub = hub;
  }

  read(prefix: string): Promise<ReadonlyMap<string, StoreEntry>> {
    return Promise.resolve(
      new Map([...this.#hub.entries].filter(([key]) => key.startsWith(prefix))),
    );
  }

  write(key: string, value: string, expected: string | undefined): Promise<string | undefined> {
    const { entries } = this.#hub;
    if (entries.get(key)?.version !== expected) return Promise.resolve(undefined);
    const version = String(++this.#hub.version);
    entries.set(key, { value, version });
    return Promise.resolve(version);
  }

  remove(key: string, expected: string): Promise<boolean> {
    const { entries } = this.#hub;
    return Promise.resolve(entries.get(key)?.version === expected && entries.delete(key));
  }
}

class MemoryCursors implements Cursors {
  readonly #hub: Hub;
  readonly #keptMs: number;
  readonly #context: BrokerContext;

  constructor(hub: Hub, context: BrokerContext) {
    this.#hub = hub;
    this.#keptMs = context.retention.ageMs * CURSOR_AGES;
    this.#context = context;
  }

  get(key: string): Promise<StoreEntry | undefined> {
    return Promise.resolve(this.#get(key));
  }

  #get(key: string): Place | undefined {
    const { places } = this.#hub;
    const nowMs = this.#context.clock.nowMs();
    for (const [old, { untilMs }] of places) {
      if (untilMs > nowMs) break;
      places.delete(old);
    }
    return places.get(key);
  }

  write(key: string, value: string, expected: string | undefined): Promise<string | undefined> {
    if (this.#get(key)?.version !== expected) return Promise.resolve(undefined);
    const { places } = this.#hub;
    const version = String(++this.#hub.version);
    places.delete(key);
    places.set(key, { value, version, untilMs: this.#context.clock.nowMs() + this.#keptMs });
    return Promise.resolve(version);
  }
}
