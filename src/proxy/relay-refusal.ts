import type { Socket } from "node:net";
import type { Clock } from "../core/clock.ts";
import type { Random } from "../core/random.ts";
import { BodyEnd } from "../wire/body-end.ts";
import { answerHead, type Answer } from "./handshake.ts";
import { linger, refuseUpgrade } from "./refuse.ts";

/** How long a refusing backend may take over the body of its answer. */
const BODY_MS = 30_000;

/**
 * Passes on the answer of a backend that did not switch protocols (401, a redirect, …) as it is, with
 * its body, then ends both connections.
 */
export function relayRefusal(
  ends: { readonly client: Socket; readonly backend: Socket; readonly answer: Answer },
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): void {
  const { client, backend, answer } = ends;
  const body = BodyEnd.of(answer.head);
  if (body === undefined) {
    backend.destroy();
    refuseUpgrade(client, { clock, random }, { code: "bad_handshake" });
    return;
  }
  const timer = clock.after(BODY_MS, () => finish(false));
  const finish = (whole: boolean): void => {
    timer.cancel();
    backend.off("data", onData).off("end", onEnd).off("close", onEnd).destroy();
    client.off("close", onClientClosed);
    if (whole && client.writable) {
      client.end();
      linger(client, clock);
    } else {
      client.destroy();
    }
  };
  const onData = (chunk: Buffer): void => {
    const taken = body.take(chunk);
    if (taken === undefined) {
      finish(false);
      return;
    }
    if (!client.write(chunk.subarray(0, taken))) {
      backend.pause();
      client.once("drain", () => backend.resume());
    }
    if (body.done) finish(true);
  };
  // A body without a length ends with its connection; any other was cut short.
  const onEnd = (): void => finish(body.untilClose);
  const onClientClosed = (): void => finish(false);

  client.on("close", onClientClosed).resume();
  client.write(answerHead(answer.head, "Connection: close\r\n", undefined), "latin1");
  backend.on("data", onData).on("end", onEnd).on("close", onEnd);
  if (answer.rest.length > 0) onData(answer.rest);
  if (body.done) finish(true);
  else backend.resume();
}
