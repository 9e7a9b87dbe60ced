import { setTimeout as pause } from "node:timers/promises";

/** Asks again and again. @returns the time it took in milliseconds; undefined when it took too long */
export async function until(test, { withinMs, everyMs = 50 }) {
  const startedAtMs = performance.now();
  for (;;) {
    const tookMs = performance.now() - startedAtMs;
    if (await test()) return tookMs;
    if (tookMs > withinMs) return undefined;
    await pause(everyMs);
  }
}
