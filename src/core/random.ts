import { randomBytes, randomUUID } from "node:crypto";

/** Chance, injected so that tests are exact. */
export interface Random {
  /** Unpredictable bytes: identifiers, masking keys (RFC 6455 §5.3), nonces. */
  bytes(length: number): Buffer;
  uuid(): string;
  /** A number from 0 up to, not including, 1. For spreading and jitter only. */
  fraction(): number;
}

export const systemRandom: Random = {
  bytes: randomBytes,
  uuid: () => randomUUID(),
  fraction: Math.random,
};
