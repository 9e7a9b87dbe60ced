// What does one direction of a tunnel cost for each frame, without its sockets? Prints the best of
// some rounds. Run: npm run build && node benchmarks/flow.js
//
// Node.js 20.20, 2 cores, ns a frame of 64 bytes:
//
// | change | one frame a chunk | 100 frames a chunk |
// | --- | --- | --- |
// | before the edge's own pings | 47.4 | 39.3 |
// | with them: two flags more, data frames asked for first | 44.7 | 35.7 |
import { Flow } from "../dist/proxy/flow.js";

const ROUNDS = 9;
const MASKED_BINARY = Buffer.from([0x82, 0x80 | 64, 1, 2, 3, 4]);
const frame = Buffer.concat([MASKED_BINARY, Buffer.alloc(64)]);

const source = { pause() {}, resume() {} };
const sink = { writable: true, write: () => true, cork() {}, uncork() {} };
const rules = { masked: true, reserved: "none", maxMessageBytes: 2 ** 20, wholeFrameBytes: 16_384 };

/** The time for each frame, in nanoseconds. */
function round(chunk, frames) {
  const flow = new Flow({ side: "client", source, sink }, rules, { flowStopped() {} });
  const chunks = Math.ceil(2_000_000 / frames);
  const start = process.hrtime.bigint();
  for (let i = 0; i < chunks; i++) flow.receive(chunk);
  return Number(process.hrtime.bigint() - start) / (chunks * frames);
}

for (const frames of [1, 100]) {
  const chunk = Buffer.concat(Array.from({ length: frames }, () => frame));
  const rounds = Array.from({ length: ROUNDS }, () => round(chunk, frames));
  console.log(`${frames} frames a chunk: ${Math.min(...rounds).toFixed(1)} ns a frame`);
}
