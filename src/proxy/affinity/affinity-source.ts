import type { Random } from "../../core/random.ts";
import type { EdgeRequest } from "../request.ts";

/** What ties a request to its session. */
export interface AffinityValue {
  readonly value: string;
  /** A `Set-Cookie` value that makes the next request carry the same. */
  readonly setCookie?: string;
}

/** One place of a request where a session may be named. */
export interface AffinitySource {
  /** For `explain`, logs and the session's hash: equal values of two sources are two sessions. */
  readonly name: string;
  find(request: EdgeRequest): AffinityValue | undefined;
}

/** What a source may need to be made. */
export interface AffinityContext {
  readonly pool: string;
  /** The first signs; all of them are accepted. */
  readonly secrets: readonly string[];
  readonly random: Random;
}
