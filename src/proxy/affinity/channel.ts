import { z } from "zod";
import { queryValue } from "../../wire/target.ts";
import { requestSource, type AffinitySource } from "./affinity-source.ts";

const PLACE = ":channel";

export const channelOptions = z.union([
  z.strictObject({
    /** A path in which `:channel` stands for one segment: `/rooms/:channel` takes all below it too. */
    path: z
      .string()
      .regex(/^\//, "must begin with /, such as /rooms/:channel")
      .refine((path) => path.split("/").filter((segment) => segment === PLACE).length === 1, {
        error: "must have :channel as one of its segments, such as /rooms/:channel",
      }),
  }),
  z.strictObject({ query: z.string().min(1) }),
]);

/**
 * The channel that a request is about. All its subscribers reach the backend that owns it on the
 * ring: the one that the fleet library's shards name, since both place channels by their bare names.
 */
export function channelSource(options: z.output<typeof channelOptions>): AffinitySource {
  const read = "query" in options ? fromQuery(options.query) : fromPath(options.path);
  return requestSource("channel", (request) => {
    const value = read(request.target);
    return value === undefined || value === "" ? undefined : { value, isChannel: true };
  });
}

type Read = (target: { readonly path: string; readonly query: string }) => string | undefined;

function fromQuery(name: string): Read {
  return ({ query }) => queryValue(query, name);
}

function fromPath(template: string): Read {
  const wanted = template.replace(/\/$/, "").split("/");
  const place = wanted.indexOf(PLACE);
  return ({ path }) => {
    const segments = path.split("/");
    const fits = wanted.every((segment, i) => i === place || segment === segments[i]);
    return fits ? decoded(segments[place] ?? "") : undefined;
  };
}

/** As a backend's framework would: a segment with a broken escape names no channel. */
function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
