import type { MessageKind } from "../envelope.ts";

/** What was published, as JSON says it: exactly one of three. */
export type BodyFields =
  { readonly text: string } | { readonly data: unknown } | { readonly base64: string };

export function bodyFields(kind: MessageKind, body: Buffer): BodyFields {
  switch (kind) {
    case "text":
      return { text: body.toString() };
    case "binary":
      return { base64: body.toString("base64") };
    case "json":
      try {
        return { data: JSON.parse(body.toString()) as unknown };
      } catch {
        return { text: body.toString() }; // anybody may write to a broker
      }
  }
}
