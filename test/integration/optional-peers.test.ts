import { execFile } from "node:child_process";
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../support/certificate.ts";
import { startRedis } from "../support/redis.ts";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The package as `npm install` leaves it: with its dependencies, and without its optional peers. */
async function install(): Promise<string> {
  const directory = await temporaryDirectory();
  await cp(join(ROOT, "dist"), join(directory, "dist"), { recursive: true });
  const text = await readFile(join(ROOT, "package.json"), "utf8");
  await writeFile(join(directory, "package.json"), text);
  const { dependencies } = JSON.parse(text) as { dependencies: Record<string, string> };
  for (const name of Object.keys(dependencies)) {
    const link = join(directory, "node_modules", name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(ROOT, "node_modules", name), link);
  }
  return directory;
}

async function joinFrom(directory: string, broker: string): Promise<string> {
  const program = `
    import { joinFleet } from "ringway/backend";
    try {
      const fleet = await joinFleet({ id: "a", broker: "${broker}" });
      await fleet.leave();
      console.log("joined and left");
    } catch (error) {
      console.log(error.code, error.message);
    }`;
  const args = ["--input-type=module", "--eval", program];
  return (await run(process.execPath, args, { cwd: directory })).stdout;
}

describe("without the clients of NATS and Kafka", () => {
  it("a fleet on Redis runs, and the others say what to install", async () => {
    const directory = await install();
    const redis = await startRedis();
    expect(await joinFrom(directory, redis.url)).toBe("joined and left\n");
    expect(await joinFrom(directory, "nats://127.0.0.1:1")).toBe(
      "package_missing nats:// needs packages that are not installed: " +
        "npm install @nats-io/transport-node @nats-io/jetstream\n",
    );
    expect(await joinFrom(directory, "kafka://127.0.0.1:1")).toBe(
      "package_missing kafka:// needs packages that are not installed: npm install kafkajs\n",
    );
  });
});
