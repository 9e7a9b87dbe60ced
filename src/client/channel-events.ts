import type { Message } from "./message.ts";
import type { Gap, PresenceEvent } from "./types.ts";

export interface ChannelEvents {
  /**
   * A handler that returns a promise gets the next message when the promise is settled. At least
   * once, unless `ack` is `manual`: a handler that has returned has dealt with the message; one that
   * throws, or whose promise is rejected, gets it again.
   */
  readonly message: Message;
  /** Messages that will not come. */
  readonly gap: Gap;
  /** Somebody has come, gone, or changed what is known of them. Told while somebody listens. */
  readonly presence: PresenceEvent;
}
