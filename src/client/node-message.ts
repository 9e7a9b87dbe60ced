import { readContent } from "./content.ts";
import type { Delivery, Member, Place, PresenceEvent } from "./types.ts";

/** What a node says in `ringway.v1` (docs/protocol.md): what of it the client reads. */
export type NodeMessage =
  | Welcome
  | Joined
  | Published
  | Members
  | MessageFields
  | GapFields
  | PresenceFields
  | ErrorFields
  | { readonly type: "left" | "watching" | "unwatched"; readonly re: number }
  | { readonly type: "pong" };

export interface Welcome {
  readonly type: "welcome";
  readonly session: string;
  readonly node: string;
  readonly heartbeatMs: number;
}

export interface Joined {
  readonly type: "joined";
  readonly re: number | undefined;
  readonly channel: string;
  readonly delivery: Delivery;
  /** Of at-least-once delivery. */
  readonly place: Place | undefined;
  readonly isNew: boolean;
}

interface Published {
  readonly type: "published";
  readonly re: number;
  readonly id: string;
}

export interface Members {
  readonly type: "members";
  readonly re: number;
  readonly count: number;
  readonly members: readonly Member[];
}

export interface MessageFields {
  readonly type: "message";
  readonly data: unknown;
  readonly channel: string;
  readonly id: string;
  readonly at: number;
  /** Of at-least-once delivery. */
  readonly place: Place | undefined;
  readonly deliveries: number;
}

export interface GapFields {
  readonly type: "gap";
  readonly channel: string;
  readonly reason: string;
  readonly asked: Place | undefined;
  readonly resumes: Place | undefined;
}

interface PresenceFields extends PresenceEvent {
  readonly type: "presence";
}

interface ErrorFields {
  readonly type: "error";
  readonly re: number | undefined;
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

/** Not what the protocol says. `re` is there when a request waits for it. */
export interface BadMessage {
  readonly type: "bad";
  readonly re: number | undefined;
  readonly problem: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** @returns undefined for a type that is unknown: later versions may add some */
export function readMessage(text: unknown): NodeMessage | BadMessage | undefined {
  let re: number | undefined;
  try {
    if (typeof text !== "string") throw new TypeError("it is not a text");
    const fields = objectOf(JSON.parse(text) as unknown, "it");
    re = optional(fields, "re", numberIn);
    return read(fields, re);
  } catch (error) {
    return { type: "bad", re, problem: error instanceof Error ? error.message : String(error) };
  }
}

function read(fields: Fields, re: number | undefined): NodeMessage | undefined {
  const type = textIn(fields, "type");
  switch (type) {
    case "welcome":
      return {
        type,
        session: textIn(fields, "session"),
        node: textIn(fields, "node"),
        heartbeatMs: numberIn(fields, "heartbeatMs"),
      };
    case "joined":
      return {
        ...{ type, re, channel: textIn(fields, "channel"), place: placeIn(fields) },
        delivery: textIn(fields, "delivery") === "at-least-once" ? "at-least-once" : "at-most-once",
        isNew: fields["isNew"] === true,
      };
    case "left":
    case "watching":
    case "unwatched":
      return { type, re: numberIn(fields, "re") };
    case "published":
      return { type, re: numberIn(fields, "re"), id: textIn(fields, "id") };
    case "members":
      return {
        ...{ type, re: numberIn(fields, "re"), count: numberIn(fields, "count") },
        members: listIn(fields, "members").map(memberOf),
      };
    case "message":
      return {
        ...{ type, channel: textIn(fields, "channel"), id: textIn(fields, "id") },
        ...{ at: numberIn(fields, "at"), place: placeIn(fields), data: readContent(fields) },
        deliveries: optional(fields, "deliveries", numberIn) ?? 1,
      };
    case "gap":
      return {
        ...{ type, channel: textIn(fields, "channel"), reason: textIn(fields, "reason") },
        asked: optional(fields, "asked", placeAt),
        resumes: optional(fields, "resumes", placeAt),
      };
    case "presence":
      return {
        ...{ type, channel: textIn(fields, "channel"), event: eventIn(fields) },
        member: memberOf(fields["member"]),
      };
    case "error":
      return {
        ...{ type, re, code: textIn(fields, "code"), message: textIn(fields, "message") },
        retryable: fields["retryable"] === true,
      };
    case "pong":
      return { type };
    default:
      return undefined;
  }
}

function objectOf(value: unknown, name: string): Fields {
  if (typeof value === "object" && value !== null) return value as Fields;
  throw new TypeError(`${name} is no object`);
}

function textIn(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === "string") return value;
  throw new TypeError(`${name} is no text`);
}

function numberIn(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === "number") return value;
  throw new TypeError(`${name} is no number`);
}

function listIn(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name];
  if (Array.isArray(value)) return value;
  throw new TypeError(`${name} is no list`);
}

function optional<T>(
  fields: Fields,
  name: string,
  readField: (fields: Fields, name: string) => T,
): T | undefined {
  return fields[name] === undefined ? undefined : readField(fields, name);
}

function placeIn(fields: Fields): Place | undefined {
  return fields["offset"] === undefined ? undefined : placeOf(fields);
}

function placeAt(fields: Fields, name: string): Place {
  return placeOf(objectOf(fields[name], name));
}

function placeOf(fields: Fields): Place {
  return { offset: textIn(fields, "offset"), epoch: textIn(fields, "epoch") };
}

function eventIn(fields: Fields): PresenceEvent["event"] {
  const event = textIn(fields, "event");
  if (event === "join" || event === "leave" || event === "update") return event;
  throw new TypeError(`event is ${event}`);
}

function memberOf(value: unknown): Member {
  const fields = objectOf(value, "member");
  const connections = numberIn(fields, "connections");
  return { id: textIn(fields, "id"), data: fields["data"], connections };
}
