// An edge in a process of its own, so that its memory and handles can be measured.
import { startEdge } from "../../dist/edge.js";

const edge = await startEdge(JSON.parse(process.argv[2]));

process.on("message", (question) => {
  if (question === "measure") {
    // Buffers are swept in the background after a collection: the second one sees the result.
    globalThis.gc();
    setTimeout(() => {
      globalThis.gc();
      globalThis.gc();
      const { rss, heapUsed, external } = process.memoryUsage();
      const resources = process.getActiveResourcesInfo();
      if (process.connected) process.send({ rss, used: heapUsed + external, resources });
    }, 50);
  } else {
    void edge.destroy().then(() => process.disconnect());
  }
});
process.send({ address: edge.addresses[0], admin: edge.adminAddress });
