import { readFileSync } from "node:fs";

export interface RedisScript {
  readonly lua: string;
  readonly numberOfKeys: number;
}

/** A Lua script that stands beside this file. @param name its name without the ending */
export function loadScript(name: string, numberOfKeys: number): RedisScript {
  const file = new URL(`${name}.lua`, import.meta.url);
  return { lua: readFileSync(file, "utf8"), numberOfKeys };
}
