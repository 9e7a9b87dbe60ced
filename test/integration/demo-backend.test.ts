import { once } from "node:events";
import { createServer } from "node:http";
import { expect, it, onTestFinished } from "vitest";
import { DemoBackend } from "../../src/cli/demo/backend.ts";
import { StartError } from "../../src/core/errors.ts";
import { listen } from "../../src/core/listen.ts";

const PAGE = new Map([["/", { type: "text/html", body: Buffer.from("hello") }]]);

function makeBackend(): DemoBackend {
  const broker = "memory:demo-backend";
  const control = (): Promise<boolean> => Promise.resolve(false);
  const backend = new DemoBackend({ id: "ann", broker, page: PAGE, control });
  onTestFinished(() => backend.stop());
  return backend;
}

it("starts again at its address while it is still stopping, however often it is asked", async () => {
  const backend = makeBackend();
  const url = await backend.start();
  const [, ...urls] = await Promise.all([backend.stop(), backend.start(), backend.start()]);
  expect(urls).toEqual([url, url]);
  expect(await (await fetch(url)).text()).toBe("hello");
});

it("is stopped when the last that was asked is a stop", async () => {
  const backend = makeBackend();
  const url = await backend.start();
  await Promise.all([backend.stop(), backend.start(), backend.stop()]);
  expect(backend.isRunning).toBe(false);
  await expect(fetch(url)).rejects.toThrow();
});

it("says so when its address was taken meanwhile, and starts when it is free again", async () => {
  const backend = makeBackend();
  const { port } = new URL(await backend.start());
  await backend.stop();
  const squatter = createServer();
  await listen(squatter, { host: "127.0.0.1", port: Number(port) });
  await expect(backend.start()).rejects.toThrow(StartError);
  expect(backend.isRunning).toBe(false);
  squatter.close();
  await once(squatter, "close");
  expect(new URL(await backend.start()).port).toBe(port);
});
