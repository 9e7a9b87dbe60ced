import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv4 } from "node:net";
import { onTestFinished } from "vitest";

const TYPE = { A: 1, AAAA: 28, SRV: 33 } as const;
const RCODE = { ok: 0, servfail: 2, nxdomain: 3 } as const;

export interface Srv {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

/** What the server says of every name; `silent` says nothing at all. */
export interface Zone {
  state: keyof typeof RCODE | "silent";
  addresses: string[];
  srv: Srv[];
}

export interface DnsServer {
  /** `127.0.0.1:port`, as `Resolver.setServers` takes it. */
  readonly address: string;
  readonly zone: Zone;
  /** How many questions have come. */
  readonly asked: () => number;
}

/** A DNS server for one name (RFC 1035 §4). */
export async function startDnsServer(zone: Partial<Zone>): Promise<DnsServer> {
  const served: Zone = { state: "ok", addresses: [], srv: [], ...zone };
  let asked = 0;
  const socket = createSocket("udp4");
  socket.on("message", (query, { port, address }) => {
    asked++;
    if (served.state === "silent") return;
    socket.send(answer(query, served), port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  onTestFinished(async () => {
    const closed = once(socket, "close");
    socket.close();
    await closed;
  });
  return { address: `127.0.0.1:${socket.address().port}`, zone: served, asked: () => asked };
}

function answer(query: Buffer, zone: Zone): Buffer {
  let end = 12;
  while (query.readUInt8(end) !== 0) end += query.readUInt8(end) + 1;
  const type = query.readUInt16BE(end + 1);
  const question = query.subarray(12, end + 5);
  const records = zone.state === "ok" ? recordsOf(type, zone) : [];
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  head.writeUInt16BE(0x8180 | RCODE[zone.state === "silent" ? "ok" : zone.state], 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(records.length, 6);
  return Buffer.concat([head, question, ...records.map((data) => record(type, data))]);
}

function recordsOf(type: number, { addresses, srv }: Zone): Buffer[] {
  if (type === TYPE.A)
    return addresses.filter(isIPv4).map((a) => Buffer.from(a.split(".").map(Number)));
  if (type === TYPE.AAAA) return addresses.filter((a) => !isIPv4(a)).map(sixteenBytes);
  if (type !== TYPE.SRV) return [];
  return srv.map(({ priority, weight, port, target }) => {
    const numbers = Buffer.alloc(6);
    numbers.writeUInt16BE(priority, 0);
    numbers.writeUInt16BE(weight, 2);
    numbers.writeUInt16BE(port, 4);
    const labels = target
      .split(".")
      .map((l) => Buffer.concat([Buffer.of(l.length), Buffer.from(l)]));
    return Buffer.concat([numbers, ...labels, Buffer.of(0)]);
  });
}

/** The owner is the question's name (a pointer to byte 12); nobody may keep it. */
function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function sixteenBytes(address: string): Buffer {
  const [left = "", right = ""] = address.split("::");
  const groups = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((group) => parseInt(group, 16));
  const [before, after] = [groups(left), groups(right)];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0);
  const bytes = Buffer.alloc(16);
  [...before, ...zeros, ...after].forEach((group, i) => bytes.writeUInt16BE(group, 2 * i));
  return bytes;
}
