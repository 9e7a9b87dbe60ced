// One node of a peer in ../fan-out.js, which starts it: node.js PEER ID REDIS-PORT
import { once } from "node:events";
import { createServer } from "node:http";
import { PEERS } from "./peers.js";

const MESSAGE_BYTES = 64;

const [peer, id, redisPort] = process.argv.slice(2);
// Whatever becomes of the parent, this ends with it.
process.on("disconnect", () => process.exit());

let members = 0;
const server = createServer();
const publish = await PEERS[peer].open({
  server,
  id,
  redisPort: Number(redisPort),
  joined: () => members++,
});

const answers = {
  members: () => process.send(members),
  cpu: () => process.send(process.cpuUsage()),
  /** All in one tick. A promise that is rejected ends the process, and with it the run. */
  publish({ from, count }) {
    for (let i = from; i < from + count; i++) {
      void publish(String(i).padStart(8, "0").padEnd(MESSAGE_BYTES, "x"));
    }
  },
};
process.on("message", (message) => answers[message.type](message));

server.listen(0, "127.0.0.1");
await once(server, "listening");
process.send(server.address().port);
