import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { onTestFinished } from "vitest";

export interface Relay {
  readonly port: number;
  /** Passes nothing on any more, in either direction: no byte, no end, no reset. */
  stall(): void;
}

/** A network between two peers that can be cut without either being told. */
export async function startRelay(port: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  let stalled = false;
  const join = (from: Socket, to: Socket): void => {
    sockets.add(from);
    from.on("error", () => undefined);
    from.on("data", (chunk: Buffer) => {
      if (!stalled) to.write(chunk);
    });
    from.on("end", () => {
      if (!stalled) to.end();
    });
    from.on("close", () => {
      sockets.delete(from);
      if (!stalled) to.destroy();
    });
  };
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    join(near, far);
    join(far, near);
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
      stalled = true;
    },
  };
}
