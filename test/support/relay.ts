import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { onTestFinished } from "vitest";

export interface Relay {
  readonly port: number;
  /** Passes nothing on any more, in either direction: no byte, no end, no reset. */
  stall(): void;
  /** Resets all connections, and each new one. */
  cut(): void;
  /** New connections pass, to another port if one is given. Those that were stalled stay so. */
  restore(port?: number): void;
}

/** A network between two peers that can be cut, with or without either being told. */
export async function startRelay(port: number): Promise<Relay> {
  let target = port;
  let isCut = false;
  let link = { isStalled: false };
  const sockets = new Set<Socket>();
  const join = (from: Socket, to: Socket, on: typeof link): void => {
    sockets.add(from);
    from.on("error", () => undefined);
    from.on("data", (chunk: Buffer) => {
      if (!on.isStalled) to.write(chunk);
    });
    from.on("end", () => {
      if (!on.isStalled) to.end();
    });
    from.on("close", () => {
      sockets.delete(from);
      if (!on.isStalled) to.destroy();
    });
  };
  const server = createServer({ allowHalfOpen: true }, (near) => {
    if (isCut) {
      near.on("error", () => undefined).resetAndDestroy();
      return;
    }
    const far = connect({ port: target, host: "127.0.0.1", allowHalfOpen: true });
    join(near, far, link);
    join(far, near, link);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    const closed = once(server, "close");
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return {
    port: (server.address() as AddressInfo).port,
    stall: () => {
      link.isStalled = true;
    },
    cut: () => {
      isCut = true;
      for (const socket of sockets) socket.resetAndDestroy();
    },
    restore: (newPort = target) => {
      target = newPort;
      isCut = false;
      link = { isStalled: false };
    },
  };
}
