import { createHmac } from "node:crypto";
import type { AffinitySource, Subject } from "./affinity/affinity-source.ts";

const ID_CHARACTERS = 22;

/** The session that a request belongs to. */
export interface Session {
  /** Opaque, the same at each reconnect: 132 bits in base64url. Backends see it too. */
  readonly id: string;
  /** The source that named it. */
  readonly source: string;
  /** What the policy places by. */
  readonly key: string;
  /**
   * False for a channel: it belongs to whoever owns it on the ring now, so that nothing is
   * remembered, and its many subscribers are no session of a backend's.
   */
  readonly remembered: boolean;
  readonly setCookie: string | undefined;
}

/** The session as backends, stores and logs know it; undefined for a channel, which is none. */
export function rememberedId(session: Session | undefined): string | undefined {
  return session?.remembered === true ? session.id : undefined;
}

/**
 * The first source that yields a value names the session. Its id is a keyed hash, so that a client
 * that makes up values cannot compute where on the ring they lie, and nothing that reads an id
 * learns the value.
 *
 * @param pool keeps equal values of two pools apart
 * @returns undefined when no source yields a value, `"token_rejected"` when one must not be served
 */
export async function findSession(
  sources: readonly AffinitySource[],
  subject: Subject,
  pool: { readonly name: string; readonly sessionKey: string },
): Promise<Session | "token_rejected" | undefined> {
  for (const source of sources) {
    const asked = source.find(subject);
    const found = asked instanceof Promise ? await asked : asked;
    if (found === "token_rejected") return found;
    if (found === undefined) continue;
    const id = createHmac("sha256", pool.sessionKey)
      .update(`session\0${pool.name}\0${source.name}\0${found.value}`)
      .digest("base64url")
      .slice(0, ID_CHARACTERS);
    const { isChannel = false, setCookie } = found;
    const key = isChannel ? found.value : id;
    return { id, source: source.name, key, remembered: !isChannel, setCookie };
  }
  return undefined;
}
