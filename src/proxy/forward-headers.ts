import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { forwardingHeaders, isForwardingHeader } from "../wire/forwarded.ts";
import { eachHeader, isHopByHop, listMembers } from "../wire/headers.ts";
import type { EdgeRequest } from "./request.ts";

/**
 * The fields of a plain request as they go to a backend: end-to-end ones as they came, repeated ones
 * still apart, hop-by-hop ones left out (RFC 9110 §7.6.1) but for how the body is framed.
 */
export function requestHeaders(
  request: EdgeRequest,
  session: string | undefined,
): Record<string, string | string[]> {
  const named = new Set(listMembers(request.headers.connection));
  const headers: Record<string, string | string[]> = {};
  if (request.path.host !== undefined) headers["host"] = request.path.host;
  for (const [name, value] of eachHeader(request.rawHeaders)) {
    const lower = name.toLowerCase();
    if (lower === "host" || lower === "expect" || isForwardingHeader(lower)) continue;
    if (isHopByHop(lower) || (named.has(lower) && lower !== "content-length")) continue;
    const before = headers[lower];
    headers[lower] = before === undefined ? value : [before, value].flat();
  }
  // llhttp has refused what is framed in two ways, and every coding but a final "chunked".
  if (request.headers["transfer-encoding"] !== undefined) headers["transfer-encoding"] = "chunked";
  const te = request.headers["te"];
  if (typeof te === "string" && listMembers(te).includes("trailers")) headers["te"] = "trailers";
  const forwarding = forwardingHeaders({ ...request.path, session });
  for (const [name, value] of eachHeader(forwarding)) headers[name.toLowerCase()] = value;
  return headers;
}

/** Makes a backend's response fields fit for the client's connection, in place. */
export function adaptResponseHeaders(
  answer: IncomingMessage,
  client: {
    readonly message: IncomingMessage;
    readonly closing: boolean;
    readonly setCookie: string | undefined;
  },
): void {
  const { headers } = answer;
  const chunked = headers["transfer-encoding"] !== undefined;
  for (const name of listMembers(headers.connection)) dropHeader(headers, name);
  for (const name of Object.keys(headers)) if (isHopByHop(name)) dropHeader(headers, name);
  // Node.js refuses to announce trailers that it could not send.
  const { method, httpVersion } = client.message;
  if (!chunked || method === "HEAD" || httpVersion === "1.0") dropHeader(headers, "trailer");
  headers.connection = client.closing ? "close" : "keep-alive";
  if (client.setCookie !== undefined) {
    headers["set-cookie"] = [...(headers["set-cookie"] ?? []), client.setCookie];
  }
}

/** Whether the client's connection ends with this answer (RFC 9112 §9.3). */
export function clientCloses(message: IncomingMessage): boolean {
  const options = listMembers(message.headers.connection);
  if (options.includes("close")) return true;
  return message.httpVersion === "1.0" && !options.includes("keep-alive");
}

function dropHeader(headers: IncomingHttpHeaders, name: string): void {
  Reflect.deleteProperty(headers, name);
}
