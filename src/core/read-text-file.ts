import { readFile } from "node:fs/promises";
import { describeFileError, StartError } from "./errors.ts";

/** @throws StartError naming the file and why it can't be read */
export async function readTextFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new StartError(`cannot read ${path}: ${describeFileError(error)}`, { cause: error });
  }
}
