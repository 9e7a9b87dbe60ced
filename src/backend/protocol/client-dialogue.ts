import { describeError, RingwayError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Connection } from "../connection.ts";
import type { Joins } from "../joins.ts";
import type { ClientAnswers } from "./client-answers.ts";
import {
  noticeSchemas,
  requestSchemas,
  type ClientNotice,
  type ClientRequest,
} from "./messages.ts";

const MAX_UNANSWERED = 1_000;
/** RFC 6455 §7.4.1: what came is not what the protocol has. */
const INVALID_PAYLOAD = 1007;

export interface ClientDialogueOptions {
  readonly connection: Connection;
  readonly joins: Joins;
  readonly answers: ClientAnswers;
  readonly logger: Logger;
}

type Fields = Readonly<Record<string, unknown>>;

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly retryable?: boolean;
}

/** Listens to one client that speaks `ringway.v1`: docs/protocol.md. Ends with the connection. */
export class ClientDialogue {
  readonly #options: ClientDialogueOptions;
  #unanswered = 0;
  /** Requests begin one after the other, so that they keep their order whatever `authorize` takes. */
  #begun: Promise<void> = Promise.resolve();

  constructor(options: ClientDialogueOptions) {
    this.#options = options;
    const { connection, answers } = options;
    const { socket } = connection;
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      const fields = isBinary ? undefined : parse(data);
      if (fields === undefined) socket.close(INVALID_PAYLOAD, "Not a message of ringway.v1.");
      else this.#receive(fields);
    });
    socket.once("close", () => answers.close());
  }

  #receive(fields: Fields): void {
    const { type } = fields;
    if (typeof type !== "string") {
      this.#refuse(fields, { code: "bad_request", message: "there is no type" });
    } else if (isKey(noticeSchemas, type)) {
      const notice = noticeSchemas[type].safeParse(fields);
      // Whom a broken acknowledgement was meant for nobody can tell: it is as if it had been lost.
      if (notice.success) this.#notice(notice.data);
    } else if (isKey(requestSchemas, type)) {
      this.#request(fields, type);
    } // else it is of a later version
  }

  #request(fields: Fields, type: ClientRequest["type"]): void {
    const parsed = requestSchemas[type].safeParse(fields);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const where = issue?.path.join(".") ?? "";
      const message = `${type}: ${where} ${issue?.message ?? ""}`;
      this.#refuse(fields, { code: "bad_request", message });
      return;
    }
    if (this.#unanswered >= MAX_UNANSWERED) {
      const message = `${MAX_UNANSWERED} requests are not answered yet`;
      this.#refuse(fields, { code: "too_many_requests", message, retryable: true });
      return;
    }
    this.#unanswered++;
    this.#begun = this.#begun.then(() => this.#begin(parsed.data));
  }

  #notice(notice: ClientNotice): void {
    const { connection, joins } = this.#options;
    if (notice.type === "ping") {
      connection.tell({ type: "pong" });
      return;
    }
    const { channel, epoch } = notice;
    const consumer = joins.consumerOf(connection, channel);
    if (notice.type === "nack") {
      consumer?.nack(notice);
      return;
    }
    if (notice.offsets !== undefined) consumer?.ack(notice.offsets, epoch);
    if (notice.through !== undefined) consumer?.ackThrough(notice.through, epoch);
  }

  /** Resolves when the next one may begin. */
  async #begin(request: ClientRequest): Promise<void> {
    const { answers } = this.#options;
    try {
      if (await answers.isAllowed(request)) {
        const done = answers.answer(request);
        // Messages keep their order by themselves, and need not wait for each other's answers.
        if (request.type === "publish") {
          void done.catch((error: unknown) => this.#failed(request, error)).then(() => this.#end());
          return;
        }
        await done;
      } else {
        const message = `${request.type} is not allowed here`;
        this.#refuse({ ...request }, { code: "forbidden", message });
      }
    } catch (error) {
      this.#failed(request, error);
    }
    this.#end();
  }

  #end(): void {
    this.#unanswered--;
  }

  #failed(request: ClientRequest, error: unknown): void {
    if (error instanceof RingwayError) {
      const { code, message } = error;
      // For a client that is no end: it is sent on to a node that stays.
      this.#refuse(
        { ...request },
        { code, message, retryable: error.retryable || code === "fleet_left" },
      );
      return;
    }
    const { type, channel } = request;
    this.#options.logger.error("a request failed", { type, channel, cause: describeError(error) });
    const message = "this can't be done just now";
    this.#refuse({ ...request }, { code: "broker_away", message, retryable: true });
  }

  #refuse({ n }: Fields, { code, message, retryable = false }: Refusal): void {
    const re = typeof n === "number" ? { re: n } : {};
    this.#options.connection.tell({ type: "error", ...re, code, message, retryable });
  }
}

/** @returns undefined for what is no JSON object */
function parse(data: Buffer): Fields | undefined {
  try {
    const value: unknown = JSON.parse(data.toString());
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Fields)
      : undefined;
  } catch {
    return undefined;
  }
}

function isKey<T extends object>(schemas: T, type: string): type is Extract<keyof T, string> {
  return Object.hasOwn(schemas, type);
}
