import { RingwayClientError } from "./client-error.ts";

/** What can be published: text, bytes, or anything that JSON can say. */
export type Publishable = string | Uint8Array | object | number | boolean | null;

/** `String.fromCharCode` takes its arguments on the stack, which is bounded. */
const CHUNK = 8_192;

/**
 * What was published, from the one of its three fields that is there.
 *
 * @throws TypeError when none is, or of a wrong type; Error for what is not base64
 */
export function readContent(fields: Readonly<Record<string, unknown>>): unknown {
  const { text, base64 } = fields;
  if (text !== undefined) {
    if (typeof text !== "string") throw new TypeError("text is no text");
    return text;
  }
  if (base64 !== undefined) {
    if (typeof base64 !== "string") throw new TypeError("base64 is no text");
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  }
  if (!("data" in fields)) throw new TypeError("it has no text, data or base64");
  return fields["data"];
}

/**
 * The one field that says it, as a JSON object. It is a copy: what was given may change afterwards.
 *
 * @throws RingwayClientError `bad_message` for what JSON can't say
 */
export function contentJson(data: Publishable): string {
  const json = toJson(fieldOf(data));
  // What JSON has no word for is left out: a function, `undefined`.
  if (json === "{}") throw unspeakable();
  return json;
}

/** @throws RingwayClientError `bad_message` for what JSON can't say */
export function toJson(value: object): string {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw unspeakable(cause);
  }
}

function unspeakable(cause?: unknown): RingwayClientError {
  return new RingwayClientError("bad_message", "JSON can't say this", { cause });
}

function fieldOf(data: Publishable): object {
  if (typeof data === "string") return { text: data };
  if (!(data instanceof Uint8Array)) return { data };
  let characters = "";
  for (let at = 0; at < data.length; at += CHUNK) {
    characters += String.fromCharCode(...data.subarray(at, at + CHUNK));
  }
  return { base64: btoa(characters) };
}
