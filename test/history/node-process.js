// A node of the fleet in a process of its own: holds clients, publishes, and subscribes as a worker.
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { WebSocketServer } from "ws";
import { joinFleet } from "../../dist/backend/index.js";
import { nowMs } from "./monotonic.js";
import { stderrLogger } from "./stderr-logger.js";
import { Publisher } from "./publisher.js";
import { Recorder } from "./recorder.js";

const { plan, index, life, port, fleetOptions, lastNumbers } = JSON.parse(process.argv[2]);
const RETRY_MS = 300;
const session = plan.sessions.findIndex(({ node }) => node === index);
const { name, joins } = plan.sessions[session];
const recorder = new Recorder();
const publisher = new Publisher({ plan, recorder, publish });
let isLeaving = false;

const fleet = await untilDone(() => joinFleet({ ...fleetOptions, logger: stderrLogger }));
const server = createServer((_, response) => response.end());
const sockets = new WebSocketServer({ server, perMessageDeflate: false });
sockets.on("connection", (socket, request) => {
  const user = new URL(request.url, "http://localhost").searchParams.get("user");
  socket.on("error", () => socket.terminate());
  if (isLeaving) socket.close(1012);
  else fleet.accept(socket, request, { user, authorize: () => true });
});

const commands = {
  publish() {
    const own = plan.publishers.findIndex(({ node }) => node === index);
    void publisher.run({ publisher: own, life, lastNumbers, isPatient: true });
  },
  "stop publishing": () => publisher.stop(),
  pending: () => publisher.pending,
  async members() {
    const lists = plan.channels.map((channel) => fleet.channel(channel).presence.members());
    const members = (await Promise.all(lists)).map((list) =>
      list.map(({ id, data, connections }) => ({ id, data, connections: connections.length })),
    );
    return [{ witness: fleet.id, members }];
  },
  async close() {
    publisher.stop();
    isLeaving = true;
    await fleet.leave({ overMs: 500 });
    server.close();
    process.disconnect();
  },
};

process.on("message", async (command) => {
  const value = await commands[command.name](command);
  if (process.connected) await recorder.answer(command, value);
});
server.listen(port, "127.0.0.1");
await Promise.all([...joins.map(work), ...(index === 0 ? [watchDeadLetters()] : [])]);
process.send({ ready: true });

/** Subscribes as the worker of the plan, whose place in the log outlives this process. */
async function work({ channel, delivery }) {
  const room = fleet.channel(plan.channels[channel]);
  const handle = ({ data: { stream, seq } }) =>
    recorder.record({ type: "handled", session, life, stream, seq });
  const onGap = (gap) => {
    // Of what is not in the log a node may miss some, and says so.
    if (["missed", "interrupted"].includes(gap.reason)) return;
    void recorder.record({ type: "gap", session, at: nowMs(), ...gap, channel });
  };
  await untilDone(() => room.subscribe(handle, { delivery, session: name, onGap }));
  await recorder.record({ type: "joined", session, channel, at: nowMs() });
}

async function watchDeadLetters() {
  const handle = ({ data: { channel, session: of, id, deliveries, reason } }) =>
    recorder.record({ type: "dead", channel, of, id, deliveries, reason, at: nowMs() });
  const options = { delivery: "at-least-once", session: "undertaker" };
  await untilDone(() => fleet.channel("dead-letters").subscribe(handle, options));
}

/** A publisher that keeps its promise by itself: it tries again, with the same key. */
async function publish(channel, data, options) {
  const { stream, seq } = data;
  await recorder.record({ type: "sent", stream, seq, connection: life + 1 });
  for (;;) {
    try {
      await fleet.channel(channel).publish(data, options);
      return;
    } catch (error) {
      const { code, retryable } = error;
      // Who leaves in the middle of publishing has given it up.
      if (isLeaving && code === "fleet_left") throw Object.assign(error, { code: "own_node_left" });
      if (options.key === undefined || retryable !== true) throw error;
      await recorder.record({ type: "postponed", stream, seq, code });
      await pause(RETRY_MS);
    }
  }
}

/** A broker may be away just now. */
async function untilDone(run) {
  for (;;) {
    try {
      return await run();
    } catch (error) {
      stderrLogger.warn("tried again", { cause: String(error) });
      await pause(RETRY_MS);
    }
  }
}
