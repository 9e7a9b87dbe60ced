import { systemClock } from "../../core/clock.ts";
import { startEdge, type Edge } from "../../edge.ts";
import { DemoBackend } from "./backend.ts";
import { loadPage } from "./page.ts";
import { Room } from "./room.ts";

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
  Open it in a private window: another session, perhaps another backend.
  Say something: everybody hears it, whichever backend holds them.

  Ctrl+C ends it.
`);
  const end = (): void => {
    void running.close().then(() => process.exit(0));
  };
  process.once("SIGINT", end).once("SIGTERM", end);
}

/** @throws StartError when an address is in use or not allowed */
export async function startDemo({ listen, admin }: DemoOptions): Promise<Demo> {
  const room = new Room();
  const page = await loadPage();
  const backends = BACKENDS.map((id) => new DemoBackend({ id, room, page }));
  const close = async (): Promise<void> => {
    await Promise.all(backends.map((backend) => backend.close()));
  };
  const edge = await startFleetEdge(backends, { listen, admin }).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const fleet = systemClock.every(FLEET_EVERY_MS, () => {
    const states = edge.backends("chat").map(({ id, state, connections }) => ({
      id,
      state,
      connections,
    }));
    for (const backend of backends) backend.tell({ type: "fleet", backends: states });
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
    backends.map(async (backend) => ({ id: backend.id, url: await backend.listen() })),
  );
  return startEdge({
    listeners: [{ address: listen }],
    routes: [{ pool: "chat" }],
    pools: {
      chat: {
        affinity: [{ cookie: { name: "ringway", insert: true } }],
        backends: members,
        drain: { over: "0s" },
      },
    },
    admin: { address: admin },
  });
}
