import { describe, expect, it } from "vitest";
import type { Client } from "../../src/client/client.ts";
import { connectIn, type ConnectOptions } from "../../src/client/connect.ts";
import type { Closing } from "../../src/client/link.ts";
import { FakeEnvironment } from "../support/client-environment.ts";

const URL = "wss://chat.example.com/ws";
const TOKEN = "a-token-of-the-application";

function open(options: ConnectOptions = {}, environment = new FakeEnvironment()) {
  const client = connectIn(environment, URL, options);
  const closings: Closing[] = [];
  client.on("close", (closing) => void closings.push(closing));
  return { client, environment, clock: environment.clock, closings };
}

/** What is left of a client that has ended: nothing. */
function expectReleased(client: Client, environment: FakeEnvironment): void {
  expect(client.state).toBe("closed");
  expect([environment.clock.timers, environment.wakers.size]).toEqual([0, 0]);
}

describe("the delay before a client connects again", () => {
  it("is drawn from limits that double with each failure, up to the largest", () => {
    const { environment, clock, closings } = open({ retry: { firstMs: 100, maxMs: 1_000 } });
    for (let attempt = 1; attempt <= 6; attempt++) {
      environment.socket.end(1006);
      expect(environment.sockets).toHaveLength(attempt);
      clock.advance(closings.at(-1)?.retryInMs ?? NaN);
      expect(environment.sockets).toHaveLength(attempt + 1);
    }
    expect(closings.map(({ retryInMs }) => retryInMs)).toEqual([50, 100, 200, 400, 500, 500]);
    expect(closings.every(({ isFinal }) => !isFinal)).toBe(true);
  });

  it("begins anew once a connection has lasted, and not before", () => {
    const { environment, clock, closings } = open({ retry: { firstMs: 1_000 } });
    const lasts = (forMs: number): number | undefined => {
      environment.socket.open();
      clock.advance(forMs);
      environment.socket.end(1001);
      const retryInMs = closings.at(-1)?.retryInMs;
      clock.advance(retryInMs ?? NaN);
      return retryInMs;
    };
    expect([0, 0, 4_999, 5_000, 0].map(lasts)).toEqual([500, 1_000, 2_000, 500, 1_000]);
  });

  it("is the first one after 1012, and not below five seconds after 1013", () => {
    const { environment, clock, closings } = open();
    const ends = (code: number): number | undefined => {
      environment.socket.end(code);
      const retryInMs = closings.at(-1)?.retryInMs;
      clock.advance(retryInMs ?? NaN);
      return retryInMs;
    };
    const delays = [1006, 1006, 1006, 1012, 1013, 1006].map(ends);
    expect(delays).toEqual([500, 1_000, 2_000, 500, 6_000, 2_000]);
  });

  it("is cut short when the page is back, but not below what the server has asked for", () => {
    const { environment, clock } = open({ retry: { firstMs: 60_000, maxMs: 60_000 } });
    environment.socket.end(1006);
    environment.wake();
    clock.advance(0);
    expect(environment.sockets).toHaveLength(2);
    environment.wake(); // it connects already
    environment.socket.end(1013);
    environment.wake();
    clock.advance(4_999);
    expect(environment.sockets).toHaveLength(2);
    clock.advance(1);
    expect(environment.sockets).toHaveLength(3);
  });
});

describe("a connection", () => {
  it.each([1000, 1002, 1003, 1007, 1008, 1009, 1010, 3500, 4600])(
    "is the last one when it ends with %d",
    (code) => {
      const { client, environment, closings } = open();
      environment.socket.open().end(code, "why");
      const last = { code, reason: "why", isFinal: true, retryInMs: undefined };
      expect(closings).toEqual([last]);
      expectReleased(client, environment);
    },
  );

  it("must come about in the time given", () => {
    const { client, environment, clock, closings } = open();
    clock.advance(10_000);
    expect(closings).toMatchObject([{ code: 1006, reason: "there was no welcome in time" }]);
    expect(environment.socket.closes).toEqual([undefined]);
    environment.socket.end(1000); // its own end comes late, and is of no interest
    expect(client.state).toBe("waiting");
  });

  it("is given up when the server stops answering", () => {
    const { environment, clock, closings } = open();
    const { socket } = environment;
    socket.open({ heartbeatMs: 20_000 });
    clock.advance(19_999);
    socket.say({ type: "pong" });
    clock.advance(20_000);
    expect(socket.sent).toEqual([{ type: "ping" }]);
    clock.advance(10_000);
    expect(closings).toMatchObject([{ code: 1006, reason: "the server does not answer" }]);
  });

  it("is asked for at once when the page is back, with little patience", () => {
    const { environment, clock, closings } = open();
    environment.socket.open();
    environment.wake();
    environment.wake(); // `resume` and `visibilitychange` come together
    expect(environment.socket.sent).toEqual([{ type: "ping" }]);
    clock.advance(2_999);
    environment.socket.say({ type: "pong" });
    clock.advance(1);
    expect(closings).toEqual([]);
    environment.wake();
    clock.advance(3_000);
    expect(closings).toMatchObject([{ code: 1006 }]);
  });

  it.each([0, -1, 1e300])(
    "is not made to flood or to fall silent by heartbeatMs %d",
    (heartbeatMs) => {
      const { environment, clock } = open();
      const socket = environment.socket.open({ heartbeatMs });
      clock.advance(999);
      expect(socket.sent).toEqual([]);
      clock.advance(600_000);
      expect(socket.sent).toEqual([{ type: "ping" }]);
    },
  );

  it("is not one before the server has chosen the protocol", () => {
    const { environment, closings } = open();
    environment.socket.protocol = "chat";
    environment.socket.accept();
    expect(closings).toMatchObject([{ code: 1006, isFinal: false }]);
    expect(closings[0]?.reason).toContain("ringway.v1");
  });
});

describe("a session", () => {
  it("is named in the query, and stays the same", () => {
    const { environment, clock } = open({ session: TOKEN });
    environment.socket.end(1006);
    clock.advance(60_000);
    for (const { url, protocols } of environment.sockets) {
      expect(url).toBe(`${URL}?session=${TOKEN}`);
      expect(protocols).toEqual(["ringway.v1"]);
    }
  });

  it("is named beside the subprotocol where that is wanted", () => {
    const { environment } = open({ session: TOKEN, sessionIn: "subprotocol" });
    expect(environment.socket.url).toBe(URL);
    expect(environment.socket.protocols).toEqual(["ringway.v1", `session.${TOKEN}`]);
  });

  it("is remembered by the tab for one server, and no other's", () => {
    const environment = new FakeEnvironment();
    open({}, environment);
    open({}, environment);
    connectIn(environment, "wss://elsewhere.example.com/ws", {});
    const [first, reloaded, elsewhere] = environment.sockets.map(({ url }) => url.split("=")[1]);
    expect(first).toMatch(/^[\w-]{32}$/);
    expect(reloaded).toBe(first);
    expect(elsewhere).not.toBe(first);
  });

  it("is made anew when what the tab remembers is none", () => {
    const environment = new FakeEnvironment();
    environment.stored.set(`ringway.session:${URL}`, "<short>");
    open({}, environment);
    expect(environment.socket.url).toMatch(/session=[\w-]{32}$/);
  });

  it("goes on without a storage that refuses", () => {
    const environment = new FakeEnvironment();
    environment.storage.setItem = () => {
      throw new Error("full");
    };
    open({}, environment);
    expect(environment.socket.url).toMatch(/session=[\w-]{32}$/);
  });

  it("is another one after somebody else has taken it over, if the tab has made it", () => {
    const { environment, clock, closings } = open();
    environment.socket.open().end(4500);
    clock.advance(500);
    const [first, second] = environment.sockets.map(({ url }) => url);
    expect(second).not.toBe(first);
    expect(closings).toMatchObject([{ code: 4500, isFinal: false }]);
    // A reload resumes the new one.
    open({}, environment);
    expect(environment.socket.url).toBe(second);
  });

  it("ends when somebody else has taken over that of the application", () => {
    const { client, environment, closings } = open({ session: TOKEN });
    environment.socket.open().end(4500);
    expect(closings).toMatchObject([{ code: 4500, isFinal: true }]);
    expectReleased(client, environment);
  });
});

describe("closing a client", () => {
  it("says Close 1000, and waits for the server's for a while only", async () => {
    const { client, environment, clock, closings } = open();
    environment.socket.open();
    const closed = Promise.all([client.close(), client.close()]);
    expect(environment.socket.closes).toEqual([1000]);
    environment.socket.say({ type: "pong" });
    expect(client.state).toBe("open");
    clock.advance(2_000);
    await closed;
    expect(closings).toMatchObject([{ code: 1000, isFinal: true }]);
    expectReleased(client, environment);
    await client.close();
    expect(closings).toHaveLength(1);
  });

  it("ends the wait for another connection, and an attempt to make one", async () => {
    const waiting = open();
    waiting.environment.socket.end(1006);
    await waiting.client.close();
    expectReleased(waiting.client, waiting.environment);

    const connecting = open();
    const closed = connecting.client.close();
    connecting.environment.socket.end(1006);
    await closed;
    expectReleased(connecting.client, connecting.environment);
    expect(connecting.environment.sockets).toHaveLength(1);
  });

  it("can be done by a listener of each event", async () => {
    const { client, environment, clock } = open();
    client.on("reconnecting", () => void client.close());
    environment.socket.end(1006);
    clock.advance(60_000);
    environment.socket.end(1006);
    await client.close();
    expectReleased(client, environment);
  });

  it("is done by the signal", async () => {
    const stop = new AbortController();
    const { client, environment } = open({ signal: stop.signal });
    environment.socket.open();
    stop.abort();
    environment.socket.end(1000);
    await client.close();
    expectReleased(client, environment);
    expect(() => open({ signal: stop.signal })).toThrow(
      expect.objectContaining({ code: "aborted" }) as Error,
    );
  });
});

describe("connecting", () => {
  it.each([
    ["http://example.com/a?b=c#d", "ws://example.com/a?b=c&session="],
    ["https://example.com", "wss://example.com/?session="],
    ["ws://example.com/x", "ws://example.com/x?session="],
  ])("understands %s", (url, expected) => {
    const environment = new FakeEnvironment();
    connectIn(environment, url, {});
    expect(environment.socket.url.startsWith(expected)).toBe(true);
  });

  it("takes an address as relative to the page", () => {
    const environment = new FakeEnvironment();
    environment.baseUrl = "https://chat.example.com/rooms/1";
    connectIn(environment, "/ws", {});
    expect(environment.socket.url).toContain("wss://chat.example.com/ws?session=");
  });

  it.each<[string, string, ConnectOptions]>([
    ["url", "ftp://example.com", {}],
    ["url", "/ws", {}],
    ["session", URL, { session: "short" }],
    ["session", URL, { session: "with spaces and more of them" }],
    ["firstMs", URL, { retry: { firstMs: 0 } }],
    ["maxMs", URL, { retry: { maxMs: NaN } }],
    ["timeoutMs", URL, { timeoutMs: -1 }],
    ["messages", URL, { limits: { messages: 0 } }],
  ])("refuses a bad %s: %s", (name, url, options) => {
    const environment = new FakeEnvironment();
    expect(() => connectIn(environment, url, options)).toThrow(
      expect.objectContaining({ code: "bad_option", retryable: false }) as Error,
    );
    expect(() => connectIn(environment, url, options)).toThrow(name);
    expect(environment.sockets).toEqual([]);
  });
});
