import { describe, expect, it } from "vitest";
import { Turns } from "../../src/backend/broker/turns.ts";

interface Held {
  readonly begun: string[];
  readonly end: Map<string, (error?: Error) => void>;
  readonly take: (name: string) => Promise<string>;
}

function hold(turns: Turns): Held {
  const begun: string[] = [];
  const end = new Map<string, (error?: Error) => void>();
  const take = (name: string): Promise<string> =>
    turns.take(() => {
      begun.push(name);
      return new Promise((resolve, reject) => {
        end.set(name, (error) => (error === undefined ? resolve(name) : reject(error)));
      });
    });
  return { begun, end, take };
}

describe("turns", () => {
  it("lets so many run at once, and the others in the order in which they came", async () => {
    const { begun, end, take } = hold(new Turns(2));
    const all = ["a", "b", "c", "d"].map(take);
    expect(begun).toEqual(["a", "b"]);
    end.get("b")?.();
    expect(await all[1]).toBe("b");
    expect(begun).toEqual(["a", "b", "c"]);
    for (const name of ["a", "c"]) end.get(name)?.();
    await Promise.all([all[0], all[2]]);
    expect(begun).toEqual(["a", "b", "c", "d"]);
    end.get("d")?.();
    expect(await all[3]).toBe("d");
  });

  it("fails those that wait with one that fails, and goes on with who comes later", async () => {
    const { begun, end, take } = hold(new Turns(1));
    const [first, second] = [take("a"), take("b")];
    const settled = Promise.allSettled([first, second]);
    const away = new Error("away");
    end.get("a")?.(away);
    expect(await settled).toEqual([
      { status: "rejected", reason: away },
      { status: "rejected", reason: away },
    ]);
    const later = take("c");
    expect(begun).toEqual(["a", "c"]);
    end.get("c")?.();
    expect(await later).toBe("c");
  });
});
