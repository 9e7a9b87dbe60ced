import { hash } from "node:crypto";
import type { FaultCode } from "../core/fault.ts";
import { listMembers, valuesOf } from "./headers.ts";
import type { RawHeaders } from "./headers.ts";
import type { ResponseHead } from "./response-head.ts";

/** RFC 6455 §1.3. */
const ACCEPT_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** What a client offered, against which the backend's answer is held. */
export interface UpgradeOffer {
  readonly key: string;
  readonly protocols: readonly string[];
  /** Names of the offered extensions, in lower case, without parameters. */
  readonly extensions: readonly string[];
}

export interface UpgradeRefusal {
  readonly code: Extract<FaultCode, "bad_upgrade" | "unsupported_version">;
  readonly detail: string;
}

/**
 * Reads a client's opening handshake as RFC 6455 §4.2.1 demands of a server.
 *
 * @param request the request line's method and the headers of a request whose `Connection` and
 *   `Upgrade` fields were already found to ask for an upgrade
 */
export function readOffer(request: {
  readonly method: string;
  readonly rawHeaders: RawHeaders;
}): UpgradeOffer | UpgradeRefusal {
  const headers = request.rawHeaders;
  if (request.method !== "GET") return refuse("A WebSocket upgrade is a GET request.");
  const versions = valuesOf(headers, "sec-websocket-version");
  if (versions[0] !== "13" || versions.length > 1) {
    return {
      code: "unsupported_version",
      detail: "Sec-WebSocket-Version must be 13 (RFC 6455 §4.2.1).",
    };
  }
  const keys = valuesOf(headers, "sec-websocket-key");
  const key = keys[0] ?? "";
  // 16 bytes in base64 are 22 characters and two pads.
  if (keys.length !== 1 || !/^[A-Za-z0-9+/]{22}==$/.test(key)) {
    return refuse("Sec-WebSocket-Key must be one value of 16 bytes in base64 (RFC 6455 §4.2.1).");
  }
  return {
    key,
    // Subprotocol names are compared as they are written (RFC 6455 §4.1, item 10).
    protocols: offeredProtocols(headers),
    extensions: extensionNames(headers),
  };
}

/**
 * Holds a backend's 101 against the offer (RFC 6455 §4.1, items 2–6 on the server's response).
 *
 * @returns what is wrong with it, or undefined when it is valid
 */
export function findFlaw(offer: UpgradeOffer, head: ResponseHead): string | undefined {
  const upgrade = valuesOf(head.headers, "upgrade");
  if (upgrade.length !== 1 || upgrade[0]?.toLowerCase() !== "websocket") {
    return "Upgrade is not websocket";
  }
  if (!valuesOf(head.headers, "connection").flatMap(listMembers).includes("upgrade")) {
    return "Connection does not say Upgrade";
  }
  const accepts = valuesOf(head.headers, "sec-websocket-accept");
  if (accepts.length !== 1 || accepts[0] !== acceptOf(offer.key)) {
    return "Sec-WebSocket-Accept does not answer the key";
  }
  const protocols = valuesOf(head.headers, "sec-websocket-protocol");
  const protocol = protocols[0];
  if (protocols.length > 1 || (protocol !== undefined && !offer.protocols.includes(protocol))) {
    return "Sec-WebSocket-Protocol was not offered";
  }
  if (extensionNames(head.headers).some((name) => !offer.extensions.includes(name))) {
    return "Sec-WebSocket-Extensions holds one that was not offered";
  }
  return undefined;
}

/** The subprotocols that a handshake offers, in order and as they are written. */
export function offeredProtocols(headers: RawHeaders): string[] {
  return valuesOf(headers, "sec-websocket-protocol").flatMap(splitList);
}

/** Names of the extensions in a handshake, without parameters. */
export function extensionNames(headers: RawHeaders): string[] {
  return valuesOf(headers, "sec-websocket-extensions")
    .flatMap(splitList)
    .map((extension) => (extension.split(";")[0] ?? "").trim().toLowerCase());
}

export function acceptOf(key: string): string {
  return hash("sha1", key + ACCEPT_GUID, "base64");
}

function splitList(value: string): string[] {
  return value
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
}

function refuse(detail: string): UpgradeRefusal {
  return { code: "bad_upgrade", detail };
}
