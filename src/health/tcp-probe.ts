import { probeOver, type Probe } from "./probe.ts";

/** A connection, and its TLS handshake where the backend has one. */
export const tcpProbe: Probe = (backend, options) =>
  probeOver(backend, options, () => Promise.resolve(undefined));
