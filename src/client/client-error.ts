interface ErrorDetails extends ErrorOptions {
  readonly retryable?: boolean;
  readonly channel?: string | undefined;
}

/**
 * What the client throws, rejects with and tells as `error`. The codes of a node's errors are passed
 * on as they are (docs/protocol.md); the client's own are in docs/client.md.
 */
export class RingwayClientError extends Error {
  override readonly name = "RingwayClientError";
  readonly code: string;
  /** Whether the same call may succeed when it is made again, without doing anything twice. */
  readonly retryable: boolean;
  /** The channel that it is about, if any. */
  readonly channel: string | undefined;

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details);
    this.code = code;
    this.retryable = details.retryable ?? false;
    this.channel = details.channel;
  }
}
