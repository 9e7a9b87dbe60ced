import { onTestFinished, TestRunner } from "vitest";

type End = () => unknown;

const lasting: End[] = [];

/** Ends something with the test that began it, or, where a `beforeAll` did, with `endLasting`. */
export function whenDone(end: End): void {
  if (TestRunner.getCurrentTest() === undefined) lasting.push(end);
  else
    onTestFinished(async () => {
      await end();
    });
}

/** For the `afterAll` of a file whose `beforeAll` starts something. */
export async function endLasting(): Promise<void> {
  for (const end of lasting.splice(0).reverse()) await end();
}
