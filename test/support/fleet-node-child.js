// A node of a fleet in a process of its own: says each of its keys that it owns, whenever it is asked.
import { joinFleet } from "../../dist/backend/index.js";

const [options, ...keys] = process.argv.slice(2);
const fleet = await joinFleet(JSON.parse(options));

process.on("message", (message) => {
  if (message === "owned") process.send(keys.filter((key) => fleet.shards.isLocal(key)));
  if (message === "leave") void fleet.leave().then(() => process.disconnect());
});
process.send("joined");
