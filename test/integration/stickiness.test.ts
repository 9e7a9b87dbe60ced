import { describe, expect, it } from "vitest";
import { greetAs, startBackend, type TestBackend } from "../support/backend.ts";
import { openClient } from "../support/client.ts";
import { startTestEdge } from "../support/edge.ts";

async function threeBackends(): Promise<TestBackend[]> {
  return Promise.all(["a", "b", "c"].map((id) => startBackend(id, { webSocket: greetAs(id) })));
}

/** Connects, hears which backend it is, and leaves. */
async function visit(url: string, headers: Record<string, string> = {}): Promise<string> {
  const client = await openClient(url, { headers });
  const name = await client.text();
  client.socket.close(1000);
  await client.closed;
  return name;
}

/** Connects without a cookie and keeps the one it is given, as a browser does. */
async function visitAsBrowser(url: string): Promise<{ backend: string; cookie: string }> {
  const client = await openClient(url);
  const [set = ""] = (await client.headers)["set-cookie"] ?? [];
  const backend = await client.text();
  client.socket.close(1000);
  await client.closed;
  return { backend, cookie: set.split(";", 1)[0] ?? "" };
}

function share(names: readonly string[], name: string): number {
  return names.filter((other) => other === name).length / names.length;
}

describe("stickiness", () => {
  it("returns each of 90 cookie sessions to its backend, and uses all three backends", async () => {
    const edge = await startTestEdge(await threeBackends(), {
      affinity: [{ cookie: { name: "sid" } }],
    });
    const cookies = Array.from({ length: 90 }, (_, i) => ({ Cookie: `theme=dark; sid=user-${i}` }));
    const first = await Promise.all(cookies.map((headers) => visit(edge.ws, headers)));
    for (let round = 0; round < 3; round++) {
      const again = await Promise.all(cookies.map((headers) => visit(edge.ws, headers)));
      expect(again).toEqual(first);
    }
    for (const id of ["a", "b", "c"]) expect(share(first, id)).toBeGreaterThanOrEqual(0.1);
    expect(await edge.metric("ringway_picks_total", { reason: "bound" })).toBe(270);
  });

  it("issues a cookie that brings a client back", async () => {
    const edge = await startTestEdge(await threeBackends(), {
      affinity: [{ cookie: { name: "ringway", insert: true } }],
    });
    const visits = await Promise.all(Array.from({ length: 90 }, () => visitAsBrowser(edge.ws)));
    const again = await Promise.all(visits.map(({ cookie }) => visit(edge.ws, { Cookie: cookie })));
    expect(again).toEqual(visits.map(({ backend }) => backend));
    for (const id of ["a", "b", "c"]) expect(share(again, id)).toBeGreaterThanOrEqual(0.1);
  });

  it("issues it HttpOnly, SameSite and without a hint of the backend, and only once", async () => {
    const edge = await startTestEdge(await threeBackends(), {
      affinity: [{ cookie: { name: "ringway", insert: true } }],
    });
    const client = await openClient(edge.ws);
    const cookies = (await client.headers)["set-cookie"];
    expect(cookies).toHaveLength(1);
    expect(cookies?.[0]).toMatch(/^ringway=[\w-]{22}\.[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax$/);
    const cookie = cookies?.[0]?.split(";", 1)[0] ?? "";
    const again = await openClient(edge.ws, { headers: { Cookie: cookie } });
    expect((await again.headers)["set-cookie"]).toBeUndefined();
  });

  it("gives a fresh cookie to a client that forges or edits one", async () => {
    const edge = await startTestEdge(await threeBackends(), {
      affinity: [{ cookie: { name: "ringway", insert: true } }],
    });
    const { cookie } = await visitAsBrowser(edge.ws);
    const [name = "", signature = ""] = cookie.slice("ringway=".length).split(".");
    const edited = `${name.startsWith("A") ? "B" : "A"}${name.slice(1)}`;
    const forgeries = ["a", "b.c", `${edited}.${signature}`, `${name}.`, name, `.${signature}`];
    for (const forgery of forgeries) {
      const client = await openClient(edge.ws, { headers: { Cookie: `ringway=${forgery}` } });
      const [fresh = ""] = (await client.headers)["set-cookie"] ?? [];
      expect(fresh, forgery).toMatch(/^ringway=[\w-]{22}\.[\w-]{22};/);
      expect(fresh).not.toContain(`=${forgery};`);
    }
  });

  it("follows a token in the query, a header and the client's address", async () => {
    const backends = await threeBackends();
    const edge = await startTestEdge(backends, {
      affinity: [{ token: { query: "session" } }, { header: "x-user" }, "ip"],
    });
    const users = Array.from({ length: 12 }, (_, i) => `user-${i}`);
    for (const user of users) {
      const byQuery = await visit(`${edge.ws}/?a=1&session=${user}`);
      expect(await visit(`${edge.ws}/other?session=${user}&b=2`, { "X-User": "x" })).toBe(byQuery);
      const byHeader = await visit(edge.ws, { "X-User": user });
      expect(await visit(edge.ws, { "X-User": user })).toBe(byHeader);
    }
    expect(await visit(edge.ws)).toBe(await visit(edge.ws));
  });

  it("sends polling requests and the upgrade of one session to one backend", async () => {
    const edge = await startTestEdge(await threeBackends(), {
      affinity: [{ token: { query: "sid" } }],
    });
    for (let i = 0; i < 20; i++) {
      const path = `/socket.io/?transport=polling&sid=s${i}`;
      const polled = await Promise.all(
        Array.from({ length: 3 }, async () => (await fetch(edge.http + path)).text()),
      );
      const upgraded = await visit(`${edge.ws}${path}`);
      expect(polled).toEqual([upgraded, upgraded, upgraded]);
    }
  });

  it("keeps a cookie issued to a plain request for the upgrade that follows", async () => {
    const edge = await startTestEdge(await threeBackends(), {
      affinity: [{ cookie: { name: "ringway", insert: true } }],
    });
    for (let i = 0; i < 10; i++) {
      const response = await fetch(edge.http);
      const [set = ""] = response.headers.getSetCookie();
      const upgraded = await visit(edge.ws, { Cookie: set.split(";", 1)[0] ?? "" });
      expect(await response.text()).toBe(upgraded);
    }
  });

  it("spreads requests that have no key", async () => {
    const edge = await startTestEdge(await threeBackends());
    const names = [];
    for (let i = 0; i < 9; i++) names.push(await visit(edge.ws));
    for (const id of ["a", "b", "c"]) expect(share(names, id)).toBeCloseTo(1 / 3);
  });

  it("binds concurrent first connections of one session to one backend", async () => {
    const edge = await startTestEdge(await threeBackends(), {
      affinity: [{ token: { query: "s" } }],
    });
    const names = await Promise.all(Array.from({ length: 50 }, () => visit(`${edge.ws}/?s=one`)));
    expect(new Set(names).size).toBe(1);
  });
});
