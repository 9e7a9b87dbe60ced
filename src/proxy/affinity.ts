import { createHmac } from "node:crypto";
import type { AffinitySource } from "./affinity/affinity-source.ts";
import type { EdgeRequest } from "./request.ts";

const ID_CHARACTERS = 22;

/** The session that a request belongs to. */
export interface Session {
  /** Opaque, the same at each reconnect: 132 bits in base64url. Backends see it too. */
  readonly id: string;
  /** The source that named it. */
  readonly source: string;
  readonly setCookie: string | undefined;
}

/**
 * The first source that yields a value names the session. Its id is a keyed hash, so that a client
 * that makes up values cannot compute where on the ring they lie, and nothing that reads an id
 * learns the value.
 *
 * @param pool keeps equal values of two pools apart
 */
export function findSession(
  sources: readonly AffinitySource[],
  request: EdgeRequest,
  pool: { readonly name: string; readonly secret: string },
): Session | undefined {
  for (const source of sources) {
    const found = source.find(request);
    if (found === undefined) continue;
    const id = createHmac("sha256", pool.secret)
      .update(`session\0${pool.name}\0${source.name}\0${found.value}`)
      .digest("base64url")
      .slice(0, ID_CHARACTERS);
    return { id, source: source.name, setCookie: found.setCookie };
  }
  return undefined;
}
