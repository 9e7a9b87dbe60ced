import { systemClock } from "../../core/clock.ts";
import { systemRandom } from "../../core/random.ts";
import { startEdge, type Edge } from "../../edge.ts";
import { DemoBackend, type Control } from "./backend.ts";
import { loadPage } from "./page.ts";

const BACKENDS = ["ann", "bob", "cleo"];
const FLEET_EVERY_MS = 500;

export interface DemoOptions {
  readonly listen: string;
  readonly admin: string;
}

/** The sample fleet. Whoever started it closes it. */
export interface Demo {
  readonly url: string;
  readonly adminUrl: string;
  close(): Promise<void>;
}

/** Runs the demo until SIGINT or SIGTERM. */
export async function demo(options: DemoOptions): Promise<void> {
  const running = await startDemo(options);
  process.stdout.write(`
  Ringway demo: three chat backends behind one edge, in this process.

    page     ${running.url}
    metrics  ${running.adminUrl}/metrics

  Reload the page: you come back to the same backend.
  Open it in another tab: another session, perhaps another backend, the same member.
  Say something, or something important, and stop the backend that holds you.

  Ctrl+C ends it.
`);
  const end = (): void => {
    void running.close().then(() => process.exit(0));
  };
  process.once("SIGINT", end).once("SIGTERM", end);
}

/** @throws StartError when an address is in use or not allowed */
export async function startDemo({ listen, admin }: DemoOptions): Promise<Demo> {
  const page = await loadPage();
  const broker = `memory:demo-${systemRandom.uuid()}`;
  const control = async (id: string, what: Control): Promise<boolean> => {
    const backend = backends.find((each) => each.id === id);
    const others = backends.filter((each) => each !== backend && each.isRunning);
    // Somebody has to serve the page that starts them again.
    if (backend === undefined || (what === "stop" && others.length === 0)) return false;
    if (what === "stop") void backend.stop();
    else await backend.start();
    return true;
  };
  const backends = BACKENDS.map((id) => new DemoBackend({ id, broker, page, control }));
  const close = async (): Promise<void> => {
    await Promise.all(backends.map((backend) => backend.stop()));
  };
  const edge = await startFleetEdge(backends, { listen, admin }).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const fleet = systemClock.every(FLEET_EVERY_MS, () => {
    const states = edge.backends("chat").map(({ id, state, connections }) => {
      const isRunning = backends.some((backend) => backend.id === id && backend.isRunning);
      return { id, state: isRunning ? state : "stopped", connections };
    });
    void backends.find(({ isRunning }) => isRunning)?.tellFleet(states);
  });
  return {
    url: `http://${edge.addresses[0] ?? ""}/`,
    adminUrl: `http://${edge.adminAddress ?? ""}`,
    async close() {
      fleet.cancel();
      await edge.close();
      await close();
    },
  };
}

async function startFleetEdge(
  backends: readonly DemoBackend[],
  { listen, admin }: DemoOptions,
): Promise<Edge> {
  const members = await Promise.all(
    backends.map(async (backend) => ({ id: backend.id, url: await backend.start() })),
  );
  return startEdge({
    listeners: [{ address: listen }],
    routes: [{ pool: "chat" }],
    pools: {
      chat: {
        // A tab's token names its session; the cookie is for what the page loads.
        affinity: [{ token: { query: "session" } }, { cookie: { name: "ringway", insert: true } }],
        backends: members,
        health: { kind: "tcp", every: "1s" },
        drain: { over: "0s" },
      },
    },
    admin: { address: admin },
  });
}
