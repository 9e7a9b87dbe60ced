import type { Random } from "../../core/random.ts";
import type { RedisCommand, RedisConnection } from "../../redis/connection.ts";
import { loadScript } from "../../redis/scripts.ts";
import type {
  Log,
  LogAppend,
  LogAppended,
  LogEntry,
  LogSlice,
  Position,
  Retention,
} from "./log.ts";

const appendScript = loadScript("append-log", 3);
const readScript = loadScript("read-log", 2);

/** Redis Streams, one for each channel, whose entries are numbered without holes. */
export class RedisLog implements Log {
  readonly knowsIds = true;
  readonly #append: RedisCommand;
  readonly #read: RedisCommand;
  readonly #prefix: string;
  readonly #retention: Retention;
  readonly #random: Random;

  constructor(
    connection: RedisConnection,
    prefix: string,
    { retention, random }: { readonly retention: Retention; readonly random: Random },
  ) {
    const append = connection.command("ringwayAppendLog", appendScript);
    const read = connection.command("ringwayReadLog", readScript, "buffers");
    this.#append = (...args) => connection.within(append(...args));
    this.#read = (...args) => connection.within(read(...args));
    this.#prefix = prefix;
    this.#retention = retention;
    this.#random = random;
  }

  async append(channel: string, entries: readonly LogAppend[]): Promise<readonly LogAppended[]> {
    const { messages, ageMs } = this.#retention;
    const keys = this.#keys(channel);
    const said = entries.flatMap(({ id, payload }) => [id, payload]);
    const newEpoch = this.#random.uuid();
    const answer = await this.#append(
      ...keys,
      `${keys[0]}:ids`,
      newEpoch,
      messages,
      ageMs,
      ...said,
    );
    const [epoch, ...numbers] = answer as [string, ...number[]];
    return numbers.map((number) => ({
      position: { epoch, offset: String(Math.abs(number)) },
      isNew: number > 0,
    }));
  }

  async end(channel: string): Promise<Position> {
    return (await this.#ask(channel, undefined, 0)).end;
  }

  async read(channel: string, from: Position | undefined, limit: number): Promise<LogSlice> {
    const { epoch, end, first, entries } = await this.#ask(channel, from, limit);
    const start = { epoch, offset: String(first - 1) };
    const isForeign = from !== undefined && from.epoch !== epoch;
    const isTrimmed = from !== undefined && Number(from.offset) < first - 1;
    const reason = isForeign ? "epoch" : "trimmed";
    const gap =
      isForeign || isTrimmed ? ({ reason, asked: from, resumes: start } as const) : undefined;
    const behind = gap === undefined && from !== undefined ? from : start;
    const next = entries.at(-1)?.position ?? (first > Number(end.offset) ? end : behind);
    return { entries, gap, next };
  }

  async #ask(
    channel: string,
    from: Position | undefined,
    limit: number,
  ): Promise<{ epoch: string; end: Position; first: number; entries: LogEntry[] }> {
    const asked = [from?.epoch ?? "", from?.offset ?? "0"];
    const [newEpoch, { ageMs }] = [this.#random.uuid(), this.#retention];
    const answer = await this.#read(...this.#keys(channel), newEpoch, ...asked, limit, ageMs);
    const [heldEpoch, last, first, ...rest] = answer as [Buffer, number, number, ...unknown[]];
    const epoch = heldEpoch.toString();
    const entries: LogEntry[] = [];
    for (let i = 0; i + 1 < rest.length; i += 2) {
      const position = { epoch, offset: String(rest[i]) };
      entries.push({ position, payload: rest[i + 1] as Buffer });
    }
    return { epoch, end: { epoch, offset: String(last) }, first, entries };
  }

  /** The braces keep both keys in one slot of a Cluster. */
  #keys(channel: string): [string, string] {
    const key = `${this.#prefix}{${channel}}`;
    return [key, `${key}:about`];
  }
}
