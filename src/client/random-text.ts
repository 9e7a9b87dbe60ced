import type { Environment } from "./environment.ts";

/** Three bytes make four characters, without padding. */
const BYTES = 24;

/** An unpredictable text of 32 of the characters `A–Z a–z 0–9 _ -`. */
export function randomText(environment: Environment): string {
  const base64 = btoa(String.fromCharCode(...environment.bytes(BYTES)));
  return base64.replaceAll("+", "-").replaceAll("/", "_");
}
