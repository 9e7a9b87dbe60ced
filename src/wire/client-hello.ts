import { isIPv4 } from "node:net";

/** What a client wishes for before anything is encrypted. */
export interface ClientHello {
  /** In lower case, without a trailing dot; undefined when none was sent. */
  readonly servername: string | undefined;
}

/** A fatal alert that refuses a server name (RFC 6066 §3, RFC 8446 §6.2), as a TLS record. */
export const UNRECOGNIZED_NAME: Buffer = Buffer.from([0x15, 3, 3, 0, 2, 2, 112]);

const HANDSHAKE = 22;
const MAJOR_VERSION = 3;
const RECORD_HEADER_BYTES = 5;
const MAX_RECORD_BYTES = 2 ** 14;

const CLIENT_HELLO = 1;
const MESSAGE_HEADER_BYTES = 4;
const MAX_MESSAGE_BYTES = 16 * 1024;
/** No peer may ask for records shorter than 64 bytes (RFC 8449 §4). */
const MAX_BYTES = MAX_MESSAGE_BYTES + (MAX_MESSAGE_BYTES / 64) * RECORD_HEADER_BYTES;

const RANDOM_BYTES = 32;
const MAX_SESSION_ID_BYTES = 32;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const MAX_NAME_LENGTH = 253;
/** Underscores are in use in internal names. */
const label = /^(?!-)[a-z\d_-]{1,63}(?<!-)$/;

/**
 * Reads the server name out of a TLS ClientHello (RFC 8446 §4.1.2, RFC 6066 §3) of any TLS version,
 * over as many records as it takes. What could be read in two ways is refused: the backend must not
 * see another name than the one that chose it.
 *
 * @param received all that has arrived so far
 * @returns "partial" while its end has not arrived; "invalid" for another protocol, lengths that
 *   contradict each other, a server name that is no host name, and more than 16 KiB
 */
export function parseClientHello(received: Buffer): ClientHello | "partial" | "invalid" {
  const message = firstMessage(received.subarray(0, MAX_BYTES));
  if (message === "partial") return received.length < MAX_BYTES ? "partial" : "invalid";
  return message === "invalid" ? "invalid" : readHello(message);
}

/** The first handshake message without its header, put together from its records (RFC 8446 §5.1). */
function firstMessage(received: Buffer): Buffer | "partial" | "invalid" {
  const message = Buffer.allocUnsafe(received.length);
  let length = 0;
  let at = 0;
  while (at < received.length) {
    const size = recordSize(received, at);
    if (typeof size === "string") return size;
    const end = Math.min(at + RECORD_HEADER_BYTES + size, received.length);
    // By hand: a call for each record costs far more than the one byte that a hostile one has.
    for (let i = at + RECORD_HEADER_BYTES; i < end; i++) message[length++] = received.readUInt8(i);
    at += RECORD_HEADER_BYTES + size;

    const bytes = messageSize(message, length);
    if (bytes === "invalid") return bytes;
    if (bytes !== "partial" && length >= bytes)
      return message.subarray(MESSAGE_HEADER_BYTES, bytes);
  }
  return "partial";
}

/** Bytes of a handshake record without its header. */
function recordSize(received: Buffer, at: number): number | "partial" | "invalid" {
  const available = received.length - at;
  if (received[at] !== HANDSHAKE) return "invalid";
  // The minor version is to be ignored (RFC 8446 §5.1).
  if (available > 1 && received[at + 1] !== MAJOR_VERSION) return "invalid";
  if (available < RECORD_HEADER_BYTES) return "partial";
  const size = received.readUInt16BE(at + 3);
  // A handshake record is never empty (RFC 8446 §5.1).
  return size === 0 || size > MAX_RECORD_BYTES ? "invalid" : size;
}

/** Bytes of a ClientHello with its header. */
function messageSize(message: Buffer, length: number): number | "partial" | "invalid" {
  if (length > 0 && message[0] !== CLIENT_HELLO) return "invalid";
  if (length < MESSAGE_HEADER_BYTES) return "partial";
  const size = MESSAGE_HEADER_BYTES + message.readUIntBE(1, 3);
  return size > MAX_MESSAGE_BYTES ? "invalid" : size;
}

function readHello(message: Buffer): ClientHello | "invalid" {
  const reader = new Reader(message);
  const version = reader.number(2);
  reader.bytes(RANDOM_BYTES);
  const sessionId = reader.vector(1);
  const cipherSuites = reader.vector(2);
  const compressions = reader.vector(1);
  const isHello =
    version >> 8 === MAJOR_VERSION &&
    sessionId.length <= MAX_SESSION_ID_BYTES &&
    cipherSuites.length > 0 &&
    cipherSuites.length % 2 === 0 &&
    compressions.length > 0;
  if (!isHello) return "invalid";
  // Before TLS 1.3 a hello may have no extensions at all (RFC 5246 §7.4.1.2).
  if (reader.left === 0) return { servername: undefined };
  const extensions = reader.vector(2);
  return reader.hasEnded ? readExtensions(new Reader(extensions)) : "invalid";
}

function readExtensions(reader: Reader): ClientHello | "invalid" {
  let servername: string | undefined;
  while (reader.left > 0) {
    const type = reader.number(2);
    const data = reader.vector(2);
    if (reader.overran) return "invalid";
    if (type !== SERVER_NAME) continue;
    // No extension may be there twice (RFC 8446 §4.2).
    if (servername !== undefined) return "invalid";
    servername = readName(data);
    if (servername === undefined) return "invalid";
  }
  return { servername };
}

/**
 * Exactly one name: a list may hold one of each type (RFC 6066 §3), and host names are the only type
 * that was ever defined.
 */
function readName(data: Buffer): string | undefined {
  const extension = new Reader(data);
  const list = new Reader(extension.vector(2));
  const type = list.number(1);
  const name = list.vector(2).toString("latin1").toLowerCase().replace(/\.$/, "");
  if (!extension.hasEnded || !list.hasEnded || type !== HOST_NAME) return undefined;
  return isHostName(name) ? name : undefined;
}

/** @param name in lower case. An address is no host name (RFC 6066 §3) */
function isHostName(name: string): boolean {
  if (name.length > MAX_NAME_LENGTH || isIPv4(name)) return false;
  return name.split(".").every((part) => label.test(part));
}

/** Reads fields one after the other. Behind the end all are empty, and `overran` says so. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;
  #overran = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  get overran(): boolean {
    return this.#overran;
  }

  /** Whether all was read, and nothing more. */
  get hasEnded(): boolean {
    return this.left === 0 && !this.#overran;
  }

  /** A number in network byte order. */
  number(size: number): number {
    return this.bytes(size).reduce((number, byte) => number * 256 + byte, 0);
  }

  /** A field behind its own length, which takes `size` bytes (RFC 8446 §3.4). */
  vector(size: number): Buffer {
    return this.bytes(this.number(size));
  }

  bytes(count: number): Buffer {
    if (count > this.left) this.#overran = true;
    const from = this.#at;
    this.#at = Math.min(from + count, this.#bytes.length);
    return this.#overran ? this.#bytes.subarray(0, 0) : this.#bytes.subarray(from, this.#at);
  }
}
