import { describe, expect, it } from "vitest";
import { Heartbeat } from "../../src/client/heartbeat.ts";
import { FakeEnvironment } from "../support/client-environment.ts";

function begin() {
  const environment = new FakeEnvironment();
  const { clock } = environment;
  const said: string[] = [];
  const heartbeat = new Heartbeat({
    environment,
    silenceMs: 25_000,
    patienceMs: 10_000,
    ping: () => said.push(`ping ${clock.nowMs()}`),
    onDead: () => said.push(`dead ${clock.nowMs()}`),
  });
  return { environment, clock, said, heartbeat };
}

describe("a heartbeat", () => {
  it("asks after silence, and finds the server dead when it does not answer", () => {
    const { clock, said } = begin();
    clock.advance(24_999);
    expect(said).toEqual([]);
    clock.advance(10_001);
    expect(said).toEqual(["ping 25000", "dead 35000"]);
    expect(clock.timers).toBe(0);
  });

  it("asks nothing while the server speaks, and has one timer however much it says", () => {
    const { clock, said, heartbeat } = begin();
    for (let i = 0; i < 100; i++) {
      clock.advance(20_000);
      for (let messages = 0; messages < 50; messages++) heartbeat.heard();
      expect(clock.timers).toBe(1);
    }
    expect(said).toEqual([]);
    clock.advance(25_000);
    expect(said).toEqual(["ping 2025000"]);
  });

  it("takes any message for an answer", () => {
    const { clock, said, heartbeat } = begin();
    clock.advance(34_999);
    heartbeat.heard();
    clock.advance(25_000);
    expect(said).toEqual(["ping 25000", "ping 59999"]);
  });

  it("asks at once when it is told to, with the patience that is given", () => {
    const { clock, said, heartbeat } = begin();
    clock.advance(1_000);
    heartbeat.check(3_000);
    clock.advance(3_000);
    expect(said).toEqual(["ping 1000", "dead 4000"]);
  });

  it("loses no patience when it is told so again and again", () => {
    const { clock, said, heartbeat } = begin();
    for (let i = 0; i < 6; i++) {
      heartbeat.check(3_000);
      clock.advance(500);
    }
    expect(said).toEqual(["ping 0", "dead 3000"]);
  });

  it("does not count the sleep of a page as silence of the server", () => {
    const { environment, clock, said, heartbeat } = begin();
    clock.advance(10_000);
    environment.asleepMs = 3_600_000;
    clock.advance(15_000); // the timer comes an hour late: the server is asked, not given up
    expect(said).toEqual(["ping 25000"]);
    clock.advance(9_999);
    heartbeat.heard();
    clock.advance(24_999);
    expect(said).toEqual(["ping 25000"]);
  });

  it("asks once more when the page has slept while it waited for an answer", () => {
    const { environment, clock, said } = begin();
    clock.advance(26_000);
    environment.asleepMs = 3_600_000;
    clock.advance(9_000);
    expect(said).toEqual(["ping 25000", "ping 35000"]);
    clock.advance(10_000);
    expect(said).toEqual(["ping 25000", "ping 35000", "dead 45000"]);
  });

  it("gives up in the end although each of its timers is late, as in a hidden tab", () => {
    const { environment, clock, said } = begin();
    for (let i = 0; i < 6; i++) {
      environment.asleepMs += 30_000;
      clock.advance(10_000);
    }
    expect(said.map((each) => each.split(" ")[0])).toEqual(["ping", "ping", "dead"]);
  });

  it("is silent once it is stopped", () => {
    const { clock, said, heartbeat } = begin();
    heartbeat.stop();
    expect(clock.timers).toBe(0);
    clock.advance(100_000);
    expect(said).toEqual([]);
  });
});
