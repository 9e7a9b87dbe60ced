import { createReadStream } from "node:fs";
import { ConfigError, describeFileError } from "../core/errors.ts";

/** A thousand pools with ten backends each fit well; a log or an image given by mistake does not. */
const MAX_CONFIG_BYTES = 1024 * 1024;

/** @throws ConfigError when the file can't be read, is too large, or is not UTF-8 text */
export async function readText(file: string): Promise<string> {
  const bytes = await readBytes(file);
  if (bytes.length > MAX_CONFIG_BYTES) {
    throw unusable(file, "is larger than 1 MiB, too large for a configuration");
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw unusable(file, "is not UTF-8 text");
  }
}

/** At most one byte beyond the limit, whatever the file is: a pipe has no size to ask for. */
async function readBytes(file: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    const stream: AsyncIterable<Buffer> = createReadStream(file, { end: MAX_CONFIG_BYTES });
    for await (const chunk of stream) chunks.push(chunk);
  } catch (error) {
    throw unusable(file, `cannot be read: ${describeFileError(error)}`);
  }
  return Buffer.concat(chunks);
}

function unusable(file: string, message: string): ConfigError {
  return new ConfigError([{ file, message }]);
}
