import { httpProbe } from "./http-probe.ts";
import type { Probe } from "./probe.ts";
import { tcpProbe } from "./tcp-probe.ts";
import { websocketProbe } from "./websocket-probe.ts";

/** The kinds of health checks, by their names in the configuration. */
export const probes = {
  http: httpProbe,
  tcp: tcpProbe,
  websocket: websocketProbe,
} as const satisfies Record<string, Probe>;

export type ProbeKind = keyof typeof probes;
