import { z } from "zod";
import type { Clock } from "../core/clock.ts";
import type { Random } from "../core/random.ts";
import type { Bus } from "./broker/bus.ts";
import type { MessageKind } from "./envelope.ts";
import { FleetError } from "./fleet-error.ts";

const ATTEMPT_MS = 500;
const DEADLINE_MS = 15_000;
const RETRY_MS = 50;
/** Answers that are remembered: an attempt that is repeated gets the same one. */
const MAX_REMEMBERED = 10_000;

const request = z.object({
  type: z.literal("publish"),
  id: z.string(),
  from: z.string(),
  channel: z.string(),
  kind: z.enum(["text", "binary", "json"]),
  body: z.base64(),
});
const answer = z.object({ type: z.literal("answer"), id: z.string(), taken: z.boolean() });
const messages = z.discriminatedUnion("type", [request, answer]);

type Request = z.output<typeof request>;
type NodeMessage = z.output<typeof messages>;

export interface RoutedPublishOptions {
  readonly nodeId: string;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly ownerOf: (channel: string) => string | undefined;
  readonly isLocal: (channel: string) => boolean;
  /** Publishes as the owner. */
  readonly publish: (channel: string, kind: MessageKind, body: Buffer) => Promise<void>;
}

/** The bus channel of one node; no channel of an application begins like this. */
export function nodeChannel(id: string): string {
  return `#node:${id}`;
}

/**
 * Messages of sharded channels go to the channel's owner, which publishes them: all subscribers see
 * one order. A node that is not the owner any more says so, and the next one is asked.
 */
export class RoutedPublish {
  readonly #options: RoutedPublishOptions;
  readonly #waiting = new Map<string, (taken: boolean | undefined) => void>();
  readonly #taken = new Set<string>();

  constructor(options: RoutedPublishOptions) {
    this.#options = options;
  }

  /** @throws FleetError `owner_away` when no owner took it in time: it may have been published */
  async publish(channel: string, kind: MessageKind, body: Buffer): Promise<void> {
    const { clock, random, nodeId, isLocal, ownerOf } = this.#options;
    const endMs = clock.nowMs() + DEADLINE_MS;
    const request: Request = {
      type: "publish",
      id: random.uuid(),
      from: nodeId,
      channel,
      kind,
      body: body.toString("base64"),
    };
    let unsure: string | undefined;
    while (clock.nowMs() < endMs) {
      const owner = ownerOf(channel);
      // Only the node that did not answer knows whether it has published; the next would do so again.
      if (unsure !== undefined && owner !== unsure) break;
      if (isLocal(channel)) {
        await this.#options.publish(channel, kind, body);
        return;
      }
      if (owner !== undefined && owner !== nodeId) {
        const taken = await this.#ask(owner, request);
        if (taken === true) return;
        if (taken === undefined) unsure = owner;
      }
      await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
    }
    const owner = unsure ?? ownerOf(channel) ?? "nobody";
    const outcome = unsure === undefined ? "was not published" : "may have been published";
    throw new FleetError(
      "owner_away",
      `${channel}: its owner (${owner}) did not answer in time; the message ${outcome}`,
    );
  }

  /** From this node's own bus channel. */
  async receive(payload: Buffer): Promise<void> {
    const message = parse(payload);
    if (message?.type === "answer") this.#waiting.get(message.id)?.(message.taken);
    if (message?.type !== "publish") return;
    const { id, from, channel, kind, body } = message;
    const isNew = !this.#taken.has(id);
    if (isNew && this.#options.isLocal(channel)) {
      this.#remember(id);
      try {
        await this.#options.publish(channel, kind, Buffer.from(body, "base64"));
      } catch {
        this.#taken.delete(id); // refused because too much waits for the broker
      }
    }
    await this.#send(from, { type: "answer", id, taken: this.#taken.has(id) });
  }

  /** Nobody is waited for any more. */
  close(): void {
    for (const answered of [...this.#waiting.values()]) answered(undefined);
  }

  /** @returns undefined when it did not answer in time */
  #ask(owner: string, message: Request): Promise<boolean | undefined> {
    return new Promise((resolve) => {
      const done = (taken: boolean | undefined): void => {
        late.cancel();
        this.#waiting.delete(message.id);
        resolve(taken);
      };
      const late = this.#options.clock.after(ATTEMPT_MS, () => done(undefined));
      this.#waiting.set(message.id, done);
      // One that did not go out, as far as is known, may have done so.
      this.#send(owner, message).catch(() => done(undefined));
    });
  }

  #send(node: string, message: NodeMessage): Promise<void> {
    const payload = Buffer.from(JSON.stringify(message));
    return this.#options.bus.publish([{ channel: nodeChannel(node), payload }]);
  }

  #remember(id: string): void {
    this.#taken.add(id);
    if (this.#taken.size <= MAX_REMEMBERED) return;
    for (const oldest of this.#taken) {
      this.#taken.delete(oldest);
      break;
    }
  }
}

/** @returns undefined for what is none: anybody may write to a broker */
function parse(payload: Buffer): NodeMessage | undefined {
  try {
    return messages.safeParse(JSON.parse(payload.toString())).data;
  } catch {
    return undefined; // no JSON
  }
}
