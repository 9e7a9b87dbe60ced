// An edge in a process of its own, which says what it has used.
import { startEdge } from "../../dist/edge.js";

const edge = await startEdge(JSON.parse(process.argv[2]));
const collect = globalThis.gc ?? (() => undefined);

process.on("disconnect", () => process.exit());
process.on("message", (question) => {
  if (question === "cpu") {
    const { user, system } = process.cpuUsage();
    process.send(user + system);
    return;
  }
  collect();
  // Buffers are swept in the background after a collection: the second one sees the result.
  setTimeout(() => {
    collect();
    const { rss, heapUsed, external } = process.memoryUsage();
    process.send({ rss, used: heapUsed + external });
  }, 200);
});
process.send(edge.addresses[0]);
