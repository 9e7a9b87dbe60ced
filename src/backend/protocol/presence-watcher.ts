import { messageFrame } from "../../wire/message-frame.ts";
import type { Connection } from "../connection.ts";
import { ChannelPresence, type PresenceSubscription } from "../presence/channel-presence.ts";
import type { Member, PresenceEvent } from "../presence/roster.ts";
import type { Watches } from "../presence/watches.ts";
import type { MemberFields } from "./messages.ts";

/** Of one event, made once for all who watch: by the member that the event is told with. */
const frames = new WeakMap<Member, Buffer>();

/** The channels whose members one client watches. */
export class PresenceWatcher {
  readonly #connection: Connection;
  readonly #watches: Watches;
  readonly #watched = new Map<string, PresenceSubscription>();

  constructor(connection: Connection, watches: Watches) {
    this.#connection = connection;
    this.#watches = watches;
  }

  /** Resolves when events are told. */
  async watch(channel: string): Promise<void> {
    let watched = this.#watched.get(channel);
    if (watched === undefined) {
      const presence = new ChannelPresence(channel, this.#watches);
      watched = presence.observe((event, member) => this.#tell(channel, event, member));
      this.#watched.set(channel, watched);
    }
    await watched.ready;
  }

  unwatch(channel: string): void {
    this.#watched.get(channel)?.end();
    this.#watched.delete(channel);
  }

  close(): void {
    for (const channel of [...this.#watched.keys()]) this.unwatch(channel);
  }

  #tell(channel: string, event: PresenceEvent, member: Member): void {
    const connection = this.#connection;
    // A list with holes is worse than none: who comes back asks for the whole.
    if (connection.bufferedBytes > connection.maxBufferedBytes) {
      connection.closeSlow();
      return;
    }
    let frame = frames.get(member);
    if (frame === undefined) {
      const said = { type: "presence", channel, event, member: memberFields(member) };
      frame = messageFrame(Buffer.from(JSON.stringify(said)), true);
      frames.set(member, frame);
    }
    connection.write(frame);
  }
}

export function memberFields({ id, data, connections }: Member): MemberFields {
  return { id, data, connections: connections.length };
}
