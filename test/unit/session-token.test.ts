import type { IncomingMessage } from "node:http";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sessionOfToken } from "../../src/backend/protocol/session-token.ts";

const TOKEN = "AbcdefGHIJ0123456789_-";

function ask(url: string, protocols = "ringway.v1"): IncomingMessage {
  return { url, headers: { "sec-websocket-protocol": protocols } } as unknown as IncomingMessage;
}

describe("the session of a token", () => {
  it("is the same in the URL and beside the subprotocol, and shows nothing of the token", () => {
    const session = sessionOfToken(ask(`/ws?a=b&session=${TOKEN}`), undefined);
    expect(session).toMatch(/^[\w-]{27}$/);
    expect(session).not.toContain(TOKEN.slice(0, 8));
    const beside = ask("/ws", `ringway.v1, session.${TOKEN}`);
    expect(sessionOfToken(beside, undefined)).toBe(session);
  });

  it("is another one for another user, whoever knows the token", () => {
    const request = ask(`/?session=${TOKEN}`);
    const sessions = [undefined, "", "ann", "bob"].map((user) => sessionOfToken(request, user));
    expect(new Set(sessions).size).toBe(4);
  });

  it.each([
    "/",
    "/?session=",
    "/?session=short",
    `/?session=${"x".repeat(129)}`,
    "/?session=%00%00",
    "/?%",
  ])("is none in %s", (url) => {
    expect(sessionOfToken(ask(url), undefined)).toBeUndefined();
  });

  it("does not throw, whatever a client sends", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (url, protocols) => {
        sessionOfToken(ask(url, protocols), undefined);
      }),
    );
  });
});
