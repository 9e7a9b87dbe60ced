// All clients of ../fan-out.js, which starts it: clients.js HANDSHAKE SOCKETS PORT…
// Frames are found on plain sockets, the same way for every peer, to leave the processor to the nodes.
// Each message starts with its number: one that is lost, doubled or out of order ends the run.
import { once } from "node:events";
import { connect } from "node:net";

const TEXT_BYTES = 64;
const DIGITS = 8;
const FIN_TEXT = 0x81;
const PING = 0x89;
const PONG = 0x8a;

/** What a server says besides messages, by its first bytes, and what is answered. */
const HANDSHAKES = {
  none: { path: "/", before: "", after: "", replies: [] },
  "engine.io": {
    path: "/socket.io/?EIO=4&transport=websocket",
    before: '42["m","',
    after: '"]',
    replies: [["0{", "40"], ["40"], ["2", "3"]],
    opening: "40",
  },
};

const [handshake, sockets, ...ports] = process.argv.slice(2);
const { path, before, after, replies, opening } = HANDSHAKES[handshake];
const messageBytes = before.length + TEXT_BYTES + after.length;

// The system reads into it for one socket at a time, and what is left over is copied.
const shared = Buffer.allocUnsafe(2 ** 16);
const clients = [];
let group = 1;
let arrived = 0;

class Client {
  constructor(port) {
    this.next = 0;
    this.rest = undefined;
    this.scan = this.head;
    this.ready = new Promise((resolve) => (this.opened = resolve));
    const callback = (bytes) => this.receive(bytes);
    this.socket = connect({ port, host: "127.0.0.1", onread: { buffer: shared, callback } });
    this.socket.setNoDelay();
    this.socket.on("close", () => fail("a socket was closed"));
    this.socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\n` +
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
  }

  receive(bytes) {
    let chunk = shared.subarray(0, bytes);
    if (this.rest !== undefined) chunk = Buffer.concat([this.rest, chunk]);
    const used = this.scan(chunk);
    this.rest = used < chunk.length ? Buffer.from(chunk.subarray(used)) : undefined;
    if (arrived >= group * clients.length) {
      arrived = 0;
      process.send("arrived");
    }
    return true;
  }

  /** The response, and what stands behind it. */
  head(chunk) {
    const end = chunk.indexOf("\r\n\r\n");
    if (end < 0) return 0;
    if (!chunk.toString("latin1", 0, end).startsWith("HTTP/1.1 101 ")) fail("not a WebSocket");
    if (opening === undefined) this.opened();
    this.scan = this.frames;
    return end + 4 + this.frames(chunk.subarray(end + 4));
  }

  /** @returns where the first frame starts that is not whole */
  frames(chunk) {
    let at = 0;
    while (at + 2 <= chunk.length) {
      const short = chunk[at + 1];
      if (short > 126) fail("a frame is masked or too long");
      if (short === 126 && at + 4 > chunk.length) break;
      const start = short < 126 ? at + 2 : at + 4;
      const length = short < 126 ? short : chunk.readUInt16BE(at + 2);
      if (start + length > chunk.length) break;
      if (length === messageBytes && chunk[at] === FIN_TEXT) this.count(chunk, start);
      else this.answer(chunk[at], chunk.subarray(start, start + length));
      at = start + length;
    }
    return at;
  }

  count(chunk, start) {
    let number = 0;
    const from = start + before.length;
    for (let i = from; i < from + DIGITS; i++) number = number * 10 + chunk[i] - 48;
    if (number !== this.next) fail(`message ${number} came instead of ${this.next}`);
    this.next++;
    arrived++;
  }

  answer(first, payload) {
    if (first === PING) return this.socket.write(masked(PONG, payload));
    const text = payload.toString();
    const known = replies.find(([start]) => text.startsWith(start));
    if (first !== FIN_TEXT || known === undefined) return fail(`not expected: ${first}, ${text}`);
    const [start, reply] = known;
    if (reply !== undefined) this.socket.write(masked(FIN_TEXT, Buffer.from(reply)));
    if (start === opening) this.opened();
  }
}

/** A key of zeros masks nothing. */
function masked(first, payload) {
  return Buffer.concat([Buffer.from([first, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

function fail(message) {
  process.stderr.write(`clients: ${message}\n`);
  process.exit(1);
}

const answers = {
  cpu: () => process.send(process.cpuUsage()),
  /** How many of a number of messages must reach each socket before it is told. */
  group(message) {
    group = message.count;
    process.send("set");
  },
  /** What each socket has got so far, in the numbers of the messages. */
  counts: () => process.send([...new Set(clients.map(({ next }) => next))]),
};
process.on("disconnect", () => process.exit());
process.on("message", (message) => answers[message.type](message));

for (let i = 0; i < Number(sockets); i++) {
  const client = new Client(Number(ports[i % ports.length]));
  clients.push(client);
  // A queue of connections that is too short would cost a second of waiting for each.
  if (i % 50 === 49) await once(client.socket, "connect");
}
await Promise.all(clients.map(({ ready }) => ready));
process.send("open");
