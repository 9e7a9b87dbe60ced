import { hostMatches } from "./host-pattern.ts";
import type { EdgeRequest } from "./request.ts";

export interface RouteOptions {
  /** An exact name, or `*.example.com` for any name below it. */
  readonly host?: string | undefined;
  /** A path and all below it: `/ws` takes `/ws` and `/ws/a`, not `/wsx`. */
  readonly path?: string | undefined;
  /** Header names in lower case with the exact value that they must have. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly pool: string;
  /** The origins that may open a WebSocket; absent: all may. */
  readonly origins?: readonly string[] | undefined;
}

/** The first route that takes the request, in the order of the configuration. */
export function findRoute(
  routes: readonly RouteOptions[],
  request: EdgeRequest,
): RouteOptions | undefined {
  return routes.find(
    (route) =>
      isFor(route.host, request.hostname) &&
      pathMatches(route.path, request.target.path) &&
      headersMatch(route.headers, request),
  );
}

/**
 * Whether a page may open a WebSocket here (RFC 6455 §10.2). Browsers always send `Origin`;
 * programs need not, and could send any.
 */
export function originAllowed(route: RouteOptions, origin: string | undefined): boolean {
  return route.origins === undefined || origin === undefined || route.origins.includes(origin);
}

function isFor(wanted: string | undefined, hostname: string | undefined): boolean {
  return wanted === undefined || (hostname !== undefined && hostMatches(wanted, hostname));
}

function pathMatches(wanted: string | undefined, path: string): boolean {
  if (wanted === undefined || path === wanted) return true;
  return path.startsWith(wanted.endsWith("/") ? wanted : `${wanted}/`);
}

function headersMatch(wanted: RouteOptions["headers"], request: EdgeRequest): boolean {
  if (wanted === undefined) return true;
  return Object.entries(wanted).every(([name, value]) => request.headers[name] === value);
}
