import type { Clock } from "./clock.ts";

/** Waits for something, but no longer than a time in milliseconds. @throws what it throws till then */
export async function waitAtMost(clock: Clock, ms: number, what: Promise<unknown>): Promise<void> {
  let late = (): void => undefined;
  const timer = clock.after(ms, () => late());
  try {
    await Promise.race([what, new Promise<void>((resolve) => (late = resolve))]);
  } finally {
    timer.cancel();
  }
}
