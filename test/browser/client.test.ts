import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { temporaryDirectory } from "../support/certificate.ts";
import { behindRelay, startClientNode, type ClientNode } from "../support/client-node.ts";
import { FreezablePage } from "../support/freezable-page.ts";
import { until } from "../support/until.ts";

const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const JOIN = 'page.room.join({ delivery: "at-least-once", presence: {} })';
const NEVER = { retry: { firstMs: 3_600_000, maxMs: 3_600_000 } };

let browser: Browser;
beforeAll(async () => {
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
});
afterAll(() => browser.close());

function start(): Promise<ClientNode> {
  return startClientNode({ broker: `memory:${Math.random()}`, presence: { graceMs: 50 } });
}

async function newContext(): Promise<BrowserContext> {
  const context = await browser.newContext();
  onTestFinished(() => context.close());
  return context;
}

function addressOf(node: ClientNode, query: Record<string, unknown> = {}): string {
  const url = new URL(node.page);
  for (const [name, value] of Object.entries(query)) {
    url.searchParams.set(name, typeof value === "string" ? value : JSON.stringify(value));
  }
  return url.href;
}

/** A page whose client is in the room. */
async function visit(context: BrowserContext, address: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(address);
  await page.waitForFunction("globalThis.page !== undefined");
  await page.evaluate(JOIN);
  return page;
}

const got = (page: Page): Promise<unknown[]> => page.evaluate("page.got");
const told = (page: Page): Promise<Record<string, unknown>[]> => page.evaluate("page.told");
const say = (node: ClientNode, text: string): Promise<void> =>
  node.fleet.channel("room").publish(text, { delivery: "at-least-once" });
const sessions = (node: ClientNode): string[] =>
  [...node.fleet.connections].map(({ session }) => session);

describe("a client in a browser", () => {
  it("runs as it is shipped, without a bundler, and says and hears", async () => {
    const node = await start();
    const context = await newContext();
    const complaints: string[] = [];
    context.on("console", (line) => complaints.push(line.text()));
    context.on("weberror", (error) => complaints.push(error.error().message));
    const [ann, bob] = [
      await visit(context, addressOf(node, { user: "ann" })),
      await visit(context, addressOf(node, { user: "bob", options: { sessionIn: "subprotocol" } })),
    ];
    await ann.evaluate('page.room.publish({ text: "hi" }, { delivery: "at-least-once" })');
    await ann.evaluate('page.room.publish("once")');
    for (const page of [ann, bob]) await page.waitForFunction("page.got.length === 2");
    expect(await got(bob)).toEqual([{ text: "hi" }, "once"]);
    expect(await bob.evaluate("page.room.members()")).toMatchObject([{ id: "ann" }, { id: "bob" }]);
    expect(complaints).toEqual([]);
  });

  it("counts two tabs of one user as one member with two connections", async () => {
    const node = await start();
    const context = await newContext();
    const address = addressOf(node, { user: "ann" });
    const [first, second] = [await visit(context, address), await visit(context, address)];
    const ann = { id: "ann", data: {}, connections: 2 };
    expect(await first.evaluate("page.room.members()")).toEqual([ann]);
    expect(new Set(sessions(node)).size).toBe(2);
    await second.close();
    await until("one is left", async () => {
      const members: unknown = await first.evaluate("page.room.members()");
      return JSON.stringify(members) === JSON.stringify([{ ...ann, connections: 1 }]);
    });
  });

  it("resumes its session after a reload, with what was said meanwhile", async () => {
    const node = await start();
    const page = await visit(await newContext(), addressOf(node));
    const before = sessions(node);
    await page.goto("about:blank");
    await until("the node knows", () => node.fleet.connections.size === 0);
    await say(node, "meanwhile");
    await page.goBack();
    await page.waitForFunction("globalThis.page !== undefined");
    await page.evaluate(JOIN);
    await page.waitForFunction("page.got.length === 1");
    expect(await got(page)).toEqual(["meanwhile"]);
    await page.reload();
    await page.waitForFunction("globalThis.page !== undefined");
    await page.evaluate(JOIN);
    expect(sessions(node)).toEqual(before);
    expect(await told(page)).toMatchObject([{ name: "open" }]);
  });

  it("takes a new session when a duplicate of its tab has taken its own", async () => {
    const node = await start();
    const context = await newContext();
    const first = await visit(context, addressOf(node));
    const [before] = sessions(node);
    const [second] = await Promise.all([
      context.waitForEvent("page"),
      first.evaluate("void open(location.href)"), // a tab that is opened so copies the storage
    ]);
    await second.waitForFunction("globalThis.page !== undefined");
    await second.evaluate(JOIN);
    await until("it is back", async () => (await told(first)).at(-1)?.["name"] === "gap");
    expect(await told(first)).toMatchObject([
      { name: "open", session: before },
      { name: "close", code: 4500, isFinal: false },
      { name: "open" },
      { name: "gap", reason: "forgotten" },
    ]);
    await say(node, "to both");
    for (const page of [first, second]) await page.waitForFunction("page.got.length === 1");
    expect(new Set(sessions(node)).size).toBe(2);
    expect(sessions(node)).toContain(before);
  });

  it("comes back as soon as there is a network again, and nothing is lost", async () => {
    const node = await start();
    const context = await newContext();
    const options = { ...NEVER, timeoutMs: 300 };
    const page = await visit(context, addressOf(node, { options }));
    await context.setOffline(true);
    await page.evaluate('dispatchEvent(new Event("online"))'); // of a network that leads nowhere
    await until("it knows", async () => (await told(page)).some(({ name }) => name === "close"));
    await say(node, "to it");
    await page.evaluate('void page.room.publish("from it", { delivery: "at-least-once" })');
    await context.setOffline(false);
    await page.waitForFunction("page.got.length === 2");
    expect(await got(page)).toEqual(["to it", "from it"]);
    expect(new Set(sessions(node)).size).toBe(1);
  });

  it("comes back over a network that was cut, and nothing is lost", async () => {
    const node = await start();
    const { relay, url: ws } = await behindRelay(node);
    const page = await visit(await newContext(), addressOf(node, { ws }));
    relay.cut();
    await until("the node knows", () => node.fleet.connections.size === 0);
    await say(node, "to it");
    await page.evaluate('void page.room.publish("from it", { delivery: "at-least-once" })');
    relay.restore();
    await page.waitForFunction("page.got.length === 2");
    expect(await got(page)).toEqual(["to it", "from it"]);
    expect((await told(page)).filter(({ name }) => name === "gap")).toEqual([]);
  });

  it("goes on where it was when its page is thawed", async () => {
    const node = await start();
    const page = await FreezablePage.open(browser, addressOf(node));
    await until("it runs", async () => (await page.evaluate("typeof page")) === "object");
    await page.evaluate(JOIN);
    const [session] = sessions(node);
    await say(node, "before");
    await until("one has come", async () => (await page.evaluate("page.got.length")) === 1);
    await page.hide();
    await page.freeze();
    for (const text of ["a", "b", "c"]) await say(node, text);
    await page.thaw();
    await until("all have come", async () => (await page.evaluate("page.got.length")) === 4);
    expect(await page.evaluate("page.got")).toEqual(["before", "a", "b", "c"]);
    await until("it is there", () => sessions(node).join() === session);
    expect(await page.evaluate('page.told.filter(({ name }) => name === "gap")')).toEqual([]);
  });
});

describe("the chat of docs/client.md", () => {
  it("works as it is written", async () => {
    const docs = await readFile(join(ROOT, "docs/client.md"), "utf8");
    const chat = docs.slice(docs.indexOf("## A chat"));
    const [, server = "", html = ""] = /```js\n(.*?)```.*?```html\n(.*?)```/s.exec(chat) ?? [];
    const directory = await temporaryDirectory();
    await mkdir(join(directory, "node_modules"));
    await symlink(ROOT, join(directory, "node_modules/ringway"));
    await symlink(join(ROOT, "node_modules/ws"), join(directory, "node_modules/ws"));
    await writeFile(join(directory, "server.mjs"), server.replace("8080", "0"));
    await writeFile(join(directory, "page.html"), html);
    const child = spawn(process.execPath, ["server.mjs"], { cwd: directory });
    onTestFinished(async () => {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    });
    const [url] = (await once(createInterface(child.stdout), "line")) as [string];

    const context = await newContext();
    const pages: Page[] = [];
    for (let i = 0; i < 2; i++) {
      const page = await context.newPage();
      const joined = page
        .waitForEvent("websocket")
        .then((socket) =>
          socket.waitForEvent("framereceived", ({ payload }) => payload.includes("joined")),
        );
      await page.goto(url);
      await joined;
      pages.push(page);
    }
    await pages[0]?.getByRole("textbox").fill("Hello, <b>you</b>!");
    await pages[0]?.getByRole("textbox").press("Enter");
    for (const page of pages) await page.locator("li", { hasText: "Hello, <b>you</b>!" }).waitFor();
  });
});
