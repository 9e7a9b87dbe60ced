import { describeError } from "../../core/errors.ts";
import { startConfigured, type Edge } from "../../edge.ts";
import { openLog } from "../log.ts";
import type { Answer, Answers, Asked, Order } from "./messages.ts";

const log = openLog();
let edge: Edge | undefined;

async function obey(order: Order): Promise<Answers[keyof Answers]> {
  if (order.do === "start") {
    const { config, directory, drained } = order;
    edge = await startConfigured(config, { directory, logger: log.logger });
    for (const [pool, backend] of drained) edge.drain(pool, backend);
    return edge.addresses;
  }
  if (edge === undefined) throw new Error("the worker was not started");
  switch (order.do) {
    case "reload":
      await edge.reloadConfigured(order.config);
      return edge.addresses;
    case "drain":
    case "undrain":
      return edge[order.do](order.pool, order.backend);
    case "status":
      return edge.status();
    case "metrics":
      return edge.metrics();
    case "close":
      await edge.close();
      return undefined;
  }
}

function answer(given: Answer): void {
  if (process.connected) process.send?.(given);
}

process.on("message", ({ number, order }: Asked) => {
  obey(order).then(
    (value) => answer({ number, value }),
    (error: unknown) => answer({ number, failed: describeError(error) }),
  );
});

// The first process lets go of a worker that has closed. When it dies itself, node:cluster ends its
// workers at once.
process.on("disconnect", () => void log.end().then(() => process.exit(0)));

// A terminal and systemd send these to every process of the group; the first one decides.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"] as const) {
  process.on(signal, () => undefined);
}

// What was sent before is lost: Node.js drops messages that nobody listens to.
answer("ready");
