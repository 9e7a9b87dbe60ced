import { isIPv4, isIPv6 } from "node:net";
import { plainAddress } from "./forwarded.ts";

/** `v1` is a line of text, `v2` is binary. */
export type ProxyProtocolVersion = "v1" | "v2";

export interface ProxiedAddress {
  readonly address: string;
  /** 0 to 65535. */
  readonly port: number;
}

export interface ProxiedConnection {
  readonly source: ProxiedAddress;
  readonly destination: ProxiedAddress;
}

export interface ProxyHeader {
  /**
   * Undefined for `LOCAL` (v2), `UNKNOWN` (v1), and what is not TCP over IPv4 or IPv6: the
   * connection's own addresses stand.
   */
  readonly connection: ProxiedConnection | undefined;
  /** Length of the header. What the client sent begins there. */
  readonly bytes: number;
}

/** The longest line there can be, with its CRLF (§2.1). */
const MAX_LINE_BYTES = 107;
/** Addresses take 216 at most; the rest is for the senders' own fields (§2.2). */
const MAX_BODY_BYTES = 4096;
const MAX_PORT = 65_535;

const LINE_START = Buffer.from("PROXY ");
const tcpLine =
  /^PROXY TCP([46]) ([\da-fA-F.:]+) ([\da-fA-F.:]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/;
const unknownLine = /^PROXY UNKNOWN(?: [^\r\n]*)?$/;

const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n");
const FIXED_BYTES = 16;
// Version 2 in the high half of the byte, the command in the low half.
const LOCAL = 0x20;
const PROXY = 0x21;
const TCP4 = 0x11;
const TCP6 = 0x21;
/** What both addresses and ports take, by family: unspecified, IPv4, IPv6, Unix. */
const ADDRESSES_BYTES: readonly number[] = [0, 12, 36, 216];
const LAST_TRANSPORT = 2;

/**
 * Reads the header that a proxy puts before a connection's first bytes ("The PROXY protocol,
 * Versions 1 & 2", HAProxy Technologies, §2). Strict, as a header that two sides read differently
 * makes one of them believe a forged address.
 *
 * @param received all that has arrived so far
 * @returns addresses in their canonical form (RFC 5952), IPv4-mapped ones as IPv4; "partial" while
 *   the end has not arrived; "invalid" as soon as it can't become a header
 */
export function parseProxyHeader(received: Buffer): ProxyHeader | "partial" | "invalid" {
  if (begins(received, LINE_START)) return parseLine(received);
  return begins(received, SIGNATURE) ? parseBinary(received) : "invalid";
}

/**
 * The header for a connection. Addresses of two families are both written as IPv6, the IPv4 one
 * IPv4-mapped (RFC 4291 §2.5.5.2).
 *
 * @param connection undefined, or with an address that is no IP address (a Unix socket has an empty
 *   one), when nothing is known: it becomes `UNKNOWN` in v1 and `LOCAL` in v2
 * @throws RangeError in v2 when a port is not one
 */
export function proxyHeader(
  version: ProxyProtocolVersion,
  connection: ProxiedConnection | undefined,
): Buffer {
  const source = canonical(connection?.source.address ?? "");
  const destination = canonical(connection?.destination.address ?? "");
  if (connection === undefined || source === undefined || destination === undefined) {
    if (version === "v1") return Buffer.from("PROXY UNKNOWN\r\n");
    return Buffer.concat([SIGNATURE, Buffer.from([LOCAL, 0, 0, 0])]);
  }
  const addresses =
    isIPv4(source) && isIPv4(destination)
      ? [source, destination]
      : [asIPv6(source), asIPv6(destination)];
  const ports = [connection.source.port, connection.destination.port];
  return version === "v1" ? line(addresses, ports) : binary(addresses, ports);
}

function begins(received: Buffer, start: Buffer): boolean {
  const length = Math.min(received.length, start.length);
  return received.subarray(0, length).equals(start.subarray(0, length));
}

function parseLine(received: Buffer): ProxyHeader | "partial" | "invalid" {
  const text = received.toString("latin1", 0, MAX_LINE_BYTES);
  const end = text.indexOf("\r\n");
  if (end === -1) {
    // A CR or LF alone never ends the line, and stands nowhere in it (§2.1).
    const mayEnd = received.length < MAX_LINE_BYTES && /^[^\r\n]*\r?$/.test(text);
    return mayEnd ? "partial" : "invalid";
  }
  const bytes = end + 2;
  const header = text.slice(0, end);
  if (unknownLine.test(header)) return { connection: undefined, bytes };
  const match = tcpLine.exec(header);
  if (match === null) return "invalid";
  const [, family, from = "", to = "", fromPort, toPort] = match;
  const isOfFamily = family === "4" ? isIPv4 : isIPv6;
  const source = isOfFamily(from) ? canonical(from) : undefined;
  const destination = isOfFamily(to) ? canonical(to) : undefined;
  if (source === undefined || destination === undefined) return "invalid";
  const ports = [Number(fromPort), Number(toPort)] as const;
  if (Math.max(...ports) > MAX_PORT) return "invalid";
  return {
    connection: {
      source: { address: source, port: ports[0] },
      destination: { address: destination, port: ports[1] },
    },
    bytes,
  };
}

function parseBinary(received: Buffer): ProxyHeader | "partial" | "invalid" {
  const [command, family] = received.subarray(SIGNATURE.length);
  if (command === undefined) return "partial";
  if (command !== LOCAL && command !== PROXY) return "invalid";
  if (family === undefined) return "partial";
  // The family of a LOCAL connection means nothing (§2.2).
  const least = command === LOCAL ? 0 : addressesBytes(family);
  if (least === undefined) return "invalid";
  if (received.length < FIXED_BYTES) return "partial";
  const length = received.readUInt16BE(FIXED_BYTES - 2);
  if (length < least || length > MAX_BODY_BYTES) return "invalid";
  const bytes = FIXED_BYTES + length;
  if (received.length < bytes) return "partial";
  if (command === LOCAL || (family !== TCP4 && family !== TCP6)) {
    return { connection: undefined, bytes };
  }
  return { connection: connectionIn(received.subarray(FIXED_BYTES, FIXED_BYTES + least)), bytes };
}

/** Undefined for families and transports that the specification does not know. */
function addressesBytes(family: number): number | undefined {
  return (family & 0xf) > LAST_TRANSPORT ? undefined : ADDRESSES_BYTES[family >> 4];
}

/** Both addresses, then both ports (§2.2). */
function connectionIn(addresses: Buffer): ProxiedConnection {
  const size = (addresses.length - 4) / 2;
  return {
    source: {
      address: addressIn(addresses.subarray(0, size)),
      port: addresses.readUInt16BE(2 * size),
    },
    destination: {
      address: addressIn(addresses.subarray(size, 2 * size)),
      port: addresses.readUInt16BE(2 * size + 2),
    },
  };
}

function addressIn(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  return unmapped(compressed(groups.join(":")));
}

function line(addresses: readonly string[], ports: readonly number[]): Buffer {
  const family = addresses.every(isIPv4) ? "TCP4" : "TCP6";
  return Buffer.from(`PROXY ${family} ${addresses.join(" ")} ${ports.join(" ")}\r\n`);
}

function binary(addresses: readonly string[], ports: readonly number[]): Buffer {
  const isV4 = addresses.every(isIPv4);
  const body = Buffer.concat(addresses.map(isV4 ? ipv4Bytes : ipv6Bytes));
  const fixed = Buffer.from([PROXY, isV4 ? TCP4 : TCP6, 0, body.length + 4]);
  const portBytes = Buffer.alloc(4);
  ports.forEach((port, i) => portBytes.writeUInt16BE(port, 2 * i));
  return Buffer.concat([SIGNATURE, fixed, body, portBytes]);
}

function ipv4Bytes(address: string): Buffer {
  return Buffer.from(address.split(".").map(Number));
}

/** @param address compressed, so without an IPv4 tail */
function ipv6Bytes(address: string): Buffer {
  const [head = [], tail = []] = address
    .split("::")
    .map((part) => part.split(":").filter((group) => group !== ""));
  const bytes = Buffer.alloc(16);
  head.forEach((group, i) => bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * i));
  const from = 16 - 2 * tail.length;
  tail.forEach((group, i) => bytes.writeUInt16BE(Number.parseInt(group, 16), from + 2 * i));
  return bytes;
}

/** One spelling for each address; undefined for what is none. A zone means nothing elsewhere. */
function canonical(address: string): string | undefined {
  // As dual-stack sockets spell IPv4: the common case needs no URL.
  const plain = plainAddress(address);
  if (isIPv4(plain)) return plain;
  const [bare = ""] = address.split("%");
  return isIPv6(bare) ? unmapped(compressed(bare)) : undefined;
}

/**
 * Groups of hexadecimal digits only, as v1 wants them (§2.1). The URL standard writes addresses as
 * RFC 5952 §4 recommends, but knows no IPv4 tail.
 */
function compressed(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

/** @param address compressed */
function unmapped(address: string): string {
  const match = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(address);
  if (match === null) return address;
  return match
    .slice(1)
    .map((group) => Number.parseInt(group, 16))
    .map((group) => `${group >> 8}.${group & 0xff}`)
    .join(".");
}

function asIPv6(address: string): string {
  return isIPv4(address) ? compressed(`::ffff:${address}`) : address;
}
