import { setTimeout as pause } from "node:timers/promises";

const POLL_MS = 20;
const PATIENCE_MS = 45_000;

/** Asks again and again until the answer is yes; no, while that which is asked can't answer. */
export async function until(what: string, test: () => boolean | Promise<boolean>): Promise<void> {
  const late = AbortSignal.timeout(PATIENCE_MS);
  const isSo = async (): Promise<boolean> => test();
  while (!(await isSo().catch(() => false))) {
    if (late.aborted) throw new Error(`not in ${PATIENCE_MS} ms: ${what}`);
    await pause(POLL_MS);
  }
}
