import { Agent, request, type RequestOptions } from "node:http";
import { SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { checkConfig } from "../../src/config/check.ts";
import { Explainer } from "../../src/config/explainer.ts";
import type { EdgeConfigInput } from "../../src/config/schema.ts";
import { systemClock } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { systemRandom } from "../../src/core/random.ts";
import { Ring } from "../../src/ring/ring.ts";
import { greetAs, startBackend } from "../support/backend.ts";
import { openClient, refusedUpgrade } from "../support/client.ts";
import { startTestEdge, type TestEdge } from "../support/edge.ts";

const SECRET = "only for tests, 32 characters...";

async function startFleet(count: number): Promise<{ id: string; url: string }[]> {
  const ids = Array.from({ length: count }, (_, i) => `b${i}`);
  const fleet = await Promise.all(
    ids.map((id) =>
      startBackend(id, {
        webSocket: greetAs(id),
        http: (_, response) => response.end(id),
      }),
    ),
  );
  return fleet.map(({ id, url }) => ({ id, url }));
}

interface Asked {
  readonly path?: string;
  readonly headers?: Record<string, string>;
}

/** Which backend answers each of these requests, a few of them at a time. */
async function holders(edge: TestEdge, asked: readonly Asked[]): Promise<string[]> {
  const agent = new Agent({ keepAlive: true });
  const answers: string[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < asked.length; i = next++) {
      answers[i] = await holderOf({ port: edge.port, host: "127.0.0.1", agent, ...asked[i] });
    }
  };
  await Promise.all(Array.from({ length: 20 }, worker));
  agent.destroy();
  return answers;
}

function holderOf(options: RequestOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request(options, (response) => {
      let body = "";
      response.on("data", (chunk) => (body += String(chunk))).on("end", () => resolve(body));
    });
    asking.on("error", reject).end();
  });
}

const many = Array.from({ length: 10_000 }, (_, i) => i);

describe("10,000 sessions over 10 backends", { timeout: 240_000 }, () => {
  it("do not move when an 11th joins; when one leaves, only its own do", async () => {
    const [last, ...ten] = (await startFleet(11)).toReversed();
    if (last === undefined) throw new Error("no backend");
    const edge = await startTestEdge(ten, { affinity: [{ header: "x-user" }] });
    const asked = many.map((i) => ({ headers: { "x-user": `user-${i}` } }));
    const before = await holders(edge, asked);
    edge.edge.setBackends("test", [...ten, last]);
    expect(await holders(edge, asked)).toEqual(before);

    edge.edge.setBackends("test", [...ten.filter(({ id }) => id !== "b3"), last]);
    const after = await holders(edge, asked);
    for (const [i, holder] of before.entries()) {
      if (holder === "b3") expect(after[i]).not.toBe("b3");
      else expect(after[i]).toBe(holder);
    }
  });

  it("move by the ring alone only to the newcomer, at most 12 %, and only from the leaver", async () => {
    const fleet = (await startFleet(11)).toReversed();
    const ten = fleet.slice(1);
    const edge = await startTestEdge(ten, { affinity: [{ channel: { query: "room" } }] });
    const asked = many.map((i) => ({ path: `/?room=room-${i}` }));
    const before = await holders(edge, asked);
    edge.edge.setBackends("test", fleet);
    const joined = await holders(edge, asked);
    const moved = joined.filter((holder, i) => holder !== before[i]);
    expect(new Set(moved)).toEqual(new Set(["b10"]));
    expect(moved.length / many.length).toBeLessThanOrEqual(0.12);
    expect(await edge.metric("ringway_ring_changes_total", { pool: "test" })).toBe(1);
    expect(await edge.metric("ringway_ring_moved_ratio", { pool: "test" })).toBeCloseTo(
      moved.length / many.length,
      1,
    );

    edge.edge.setBackends(
      "test",
      fleet.filter(({ id }) => id !== "b3"),
    );
    const some = asked.slice(0, 2_000);
    const left = await holders(edge, some);
    for (const [i, holder] of left.entries()) {
      if (joined[i] !== "b3") expect(holder).toBe(joined[i]);
    }
  });
});

describe("a bounded ring", { timeout: 60_000 }, () => {
  it("lets no backend above its bound while one session has 30 % of all connections", async () => {
    const edge = await startTestEdge(await startFleet(10), {
      maxLoad: 1.25,
      affinity: [{ header: "x-user" }],
    });
    let open = 0;
    for (let round = 0; round < 20; round++) {
      const burst = Array.from({ length: 20 }, (_, i) => {
        const user = i < 6 ? "hot" : `user-${Math.floor(1 / (((round * 20 + i) * 0.618) % 1))}`;
        return openClient(edge.ws, { headers: { "x-user": user } });
      });
      open += (await Promise.all(burst)).length;
      const bound = Math.ceil((1.25 * open) / 10);
      for (const { connections } of edge.edge.backends("test")) {
        expect(connections).toBeLessThanOrEqual(bound);
      }
    }
  });
});

describe("a channel", () => {
  it("leads all its subscribers to its owner on the ring, by its bare name", async () => {
    const fleet = await startFleet(5);
    const edge = await startTestEdge(fleet, {
      affinity: [{ channel: { path: "/rooms/:channel" } }],
    });
    const ring = new Ring(fleet.map(({ id }) => ({ id, weight: 1 })));
    for (const channel of ["red", "blue", "room 1", "grün"]) {
      const owner = ring.ownerOf(channel);
      for (const below of ["", "/", "/chat?x=1"]) {
        const client = await openClient(`${edge.ws}/rooms/${encodeURIComponent(channel)}${below}`);
        expect(await client.text()).toBe(owner);
      }
    }
  });
});

describe("a token among the subprotocols", () => {
  it("names the same session as in the query", async () => {
    const edge = await startTestEdge(await startFleet(8), {
      affinity: [{ token: { subprotocol: "session." } }, { token: { query: "session" } }],
    });
    for (let i = 0; i < 10; i++) {
      const byQuery = await openClient(`${edge.ws}/?session=t${i}`);
      const byEntry = await openClient(edge.ws, {}, [`session.t${i}`, "chat"]);
      expect(await byEntry.text()).toBe(await byQuery.text());
    }
  });
});

describe("a JSON Web Token", () => {
  const key = "a secret for tokens of 32 characters";
  const sign = (claims: Record<string, unknown>, expires: string, by = key): Promise<string> =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime(expires)
      .sign(Buffer.from(by));
  const verified: Partial<EdgeConfigInput["pools"][string]> = {
    affinity: [{ token: { jwtClaim: "sub", header: "authorization", verify: { secret: key } } }],
  };

  it("names its session by a claim, whatever else it holds", async () => {
    const edge = await startTestEdge(await startFleet(8), verified);
    for (const sub of ["ann", "bob", "eve"]) {
      const places = new Set<string>();
      for (const jti of ["1", "2", "3"]) {
        const token = await sign({ sub, jti }, "1h");
        const headers = { authorization: `Bearer ${token}` };
        places.add(await (await openClient(edge.ws, { headers })).text());
      }
      expect(places.size).toBe(1);
    }
  });

  it("that is expired or forged is refused with 401 where it is verified", async () => {
    const edge = await startTestEdge(await startFleet(1), verified);
    const forged = await sign({ sub: "ann" }, "1h", "somebody else's secret of 32 letters");
    for (const token of [forged, await sign({ sub: "ann" }, "-1h"), "no.token.at-all"]) {
      const headers = { authorization: `Bearer ${token}` };
      const refusal = await refusedUpgrade(edge.ws, { headers });
      expect(refusal.status).toBe(401);
      expect(refusal.headers["www-authenticate"]).toContain("invalid_token");
      const plain = await fetch(edge.http, { headers });
      expect(plain.status).toBe(401);
    }
    await openClient(edge.ws); // without a token there is nothing to refuse
  });

  it("is believed as it stands where it is not verified", async () => {
    const edge = await startTestEdge(await startFleet(8), {
      affinity: [{ token: { jwtClaim: "sub", query: "jwt" } }],
    });
    const places = new Set<string>();
    for (const by of [key, "another secret that has 32 letters.."]) {
      const token = await sign({ sub: "ann" }, "-1h", by);
      places.add(await (await openClient(`${edge.ws}/?jwt=${token}`)).text());
    }
    expect(places.size).toBe(1);
  });
});

describe("explain", { timeout: 60_000 }, () => {
  it("agrees with the proxy on 1,000 requests of all kinds", async () => {
    const fleet = await startFleet(7);
    const config: EdgeConfigInput = {
      listeners: [{ address: "127.0.0.1:0" }],
      routes: [
        { path: "/rooms", pool: "rooms" },
        { headers: { "x-tier": "gold" }, pool: "gold" },
        { pool: "rest" },
      ],
      pools: {
        rooms: { affinity: [{ channel: { path: "/rooms/:channel" } }, "ip"], backends: fleet },
        gold: {
          affinity: [{ token: { query: "session" } }, { cookie: { name: "sid" } }, "ip"],
          backends: fleet.slice(0, 3),
        },
        rest: {
          maxLoad: 100,
          affinity: [{ cookie: { name: "sid" } }, { header: "x-user" }, { ip: { v4: 24 } }],
          backends: fleet.map((backend, i) => ({ ...backend, weight: 1 + (i % 3) })),
        },
      },
      secret: SECRET,
    };
    const edge = await startTestEdge([], {}, config);
    await using explainer = await Explainer.open(checkConfig(config), {
      ...{ directory: ".", clock: systemClock, random: systemRandom, logger: silentLogger },
    });

    const asked = Array.from({ length: 1000 }, (_, i): Required<Asked> => {
      const path = [`/rooms/r${i % 97}`, "/rooms", `/?session=s${i}`, `/a/b?x=${i}`][i % 4] ?? "/";
      const headers: Record<string, string> = {};
      if (i % 3 === 0) headers["x-tier"] = "gold";
      if (i % 5 < 2) headers["cookie"] = `a=b; sid=c${i}`;
      if (i % 7 < 3) headers["x-user"] = `u${i % 50}`;
      return { path, headers };
    });
    const served = await holders(edge, asked);
    for (const [i, { path, headers }] of asked.entries()) {
      const rawHeaders = Object.entries(headers).flat();
      const explained = await explainer.explain(
        { method: "GET", url: path, headers, rawHeaders },
        { ip: "127.0.0.1", secure: false },
      );
      expect(explained.backend, JSON.stringify(asked[i])).toBe(served[i]);
    }
    expect(new Set(served).size).toBe(7);
  });
});
