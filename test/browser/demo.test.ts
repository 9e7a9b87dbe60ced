import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { startDemo, type Demo } from "../../src/cli/demo/demo.ts";

const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

let browser: Browser;
beforeAll(async () => {
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
});
afterAll(() => browser.close());

async function runDemo(): Promise<Demo> {
  const demo = await startDemo({ listen: "127.0.0.1:0", admin: "127.0.0.1:0" });
  onTestFinished(() => demo.close());
  return demo;
}

/** A page of a visitor of its own, with all that its console complains of. */
async function visit(url: string): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext();
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (line) => {
    if (line.type() === "error" || line.type() === "warning") complaints.push(line.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(url);
  return { page, complaints };
}

/** The backend that holds the page, once it is connected. */
async function holderOf(page: Page): Promise<string> {
  const shown = page.locator("#backend:not([data-backend=''])");
  return (await shown.textContent()) ?? "";
}

/** Remembers from now on who is shown as a member, at any moment. */
async function watchMembers(page: Page): Promise<() => Promise<string[]>> {
  await page.evaluate(`{
    const members = document.getElementById("members");
    window.shown = [];
    new MutationObserver(() => window.shown.push(members.textContent))
      .observe(members, { childList: true });
  }`);
  return () => page.evaluate<string[]>("window.shown");
}

/** A visitor with a name. */
async function visitAs(name: string, url: string): Promise<Page> {
  const { page } = await visit(url);
  await page.getByLabel("You are called").fill(name);
  await Promise.all([page.waitForEvent("load"), page.getByLabel("You are called").press("Enter")]);
  await page.locator("#members li", { hasText: `${name}, you` }).waitFor();
  return page;
}

async function say(page: Page, text: string, how = "Send"): Promise<void> {
  await page.getByRole("textbox", { name: "Say something" }).fill(text);
  await page.getByRole("button", { name: how, exact: true }).click();
}

/** What the demo answers to a request that stops or starts a backend. */
async function ask(demo: Demo, what: string, headers: Record<string, string>): Promise<number> {
  const sent = request(new URL(`/demo/${what}`, demo.url), { method: "POST", headers }).end();
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  answer.resume();
  return answer.statusCode ?? 0;
}

describe("the demo's page", () => {
  it("shows the backend that holds the session, and comes back to it at each reload", async () => {
    const demo = await runDemo();
    const { page, complaints } = await visit(demo.url);
    const first = await holderOf(page);
    expect(["ann", "bob", "cleo"]).toContain(first);
    for (let visits = 2; visits <= 6; visits++) {
      if (visits % 2 === 0) await page.reload();
      else await page.getByRole("button", { name: "Reload" }).click();
      await page.getByText(`Visit ${visits}, each of them here.`).waitFor();
      expect(await holderOf(page)).toBe(first);
    }
    expect(complaints).toEqual([]);
  });

  it("shows the fleet with the connections of each backend", async () => {
    const demo = await runDemo();
    const { page } = await visit(demo.url);
    const others = [await visit(demo.url), await visit(demo.url)];
    const holders = [await holderOf(page)];
    for (const other of others) holders.push(await holderOf(other.page));
    const count = (id: string): number => holders.filter((holder) => holder === id).length;
    const mine = (id: string): string => (id === holders[0] ? `${id} (you)` : id);
    const rows = page.locator("#fleet tr");
    for (const [i, id] of ["ann", "bob", "cleo"].entries()) {
      const row = rows.nth(i).filter({ hasText: new RegExp(`${count(id)}Stop$`) });
      await row.waitFor();
      expect(await row.locator("th").textContent()).toBe(mine(id));
      const cells = await row.locator("td").allTextContents();
      expect(cells).toEqual(["up", String(count(id)), "Stop"]);
    }
  });

  it("carries what one visitor says to another, as text whatever it is", async () => {
    const demo = await runDemo();
    const [ann, bob] = [await visit(demo.url), await visit(demo.url)];
    await Promise.all([holderOf(ann.page), holderOf(bob.page)]);
    for (const text of ["Hello, room!", "<img src=x onerror=alert(1)><b>bold</b>", "naïve ☃ 🎈"]) {
      await say(ann.page, text);
      await bob.page.locator("#messages li", { hasText: text }).waitFor();
    }
    expect(await bob.page.locator("#messages img, #messages b").count()).toBe(0);
    expect([...ann.complaints, ...bob.complaints]).toEqual([]);
  });

  it("connects again by itself when the edge comes back", async () => {
    const demo = await startDemo({ listen: "127.0.0.1:0", admin: "127.0.0.1:0" });
    const { page } = await visit(demo.url);
    const holder = await holderOf(page);
    await demo.close();
    await page.getByText("reconnecting…").waitFor();
    const again = await startDemo({ listen: new URL(demo.url).host, admin: "127.0.0.1:0" });
    onTestFinished(() => again.close());
    // The new process has another secret: the session has another place on the ring, perhaps.
    await page.getByText(new RegExp(`^(Back where you were|Moved here from ${holder})`)).waitFor();
  });

  it("shows who is in a room: one member however many tabs, until the last is closed", async () => {
    const demo = await runDemo();
    const [ann, bob] = [await visit(demo.url), await visit(demo.url)];
    const members = bob.page.locator("#members li");
    const annsName = await ann.page.locator("#name").inputValue();
    await members.filter({ hasText: annsName }).waitFor();
    expect(await members.count()).toBe(2);
    const second = await ann.page.context().newPage();
    await second.goto(demo.url);
    await members.filter({ hasText: `${annsName} (2 tabs)` }).waitFor();
    await ann.page.getByRole("link", { name: "garden" }).click();
    await second.getByRole("link", { name: "garden" }).click();
    await members.filter({ hasText: annsName }).waitFor({ state: "detached" });
    expect(ann.complaints).toEqual([]);
  });

  it("brings what is important to each member, and tells the sender who has it and who has read it", async () => {
    const demo = await runDemo();
    const ann = await visitAs("Ann", demo.url);
    // No name that can be part of a key.
    const [zoe, bob] = [await visitAs("Zoë", demo.url), await visitAs("Bob", demo.url)];
    for (const name of ["Zoë", "Bob"]) {
      await ann.locator("#members li", { hasText: name }).waitFor();
    }
    await say(ann, "The door is open", "Send as important");
    await ann.getByText(/^stored · delivered to .* \(2 of 2\) · read by nobody yet$/).waitFor();
    // It is not settled, so it comes again, to the same session on a new connection.
    await zoe.locator("#messages li", { hasText: "The door is open" }).waitFor();
    await zoe.reload();
    await zoe.getByRole("button", { name: "Got it" }).click();
    await ann.getByText("read by Zoë (1 of 2)").waitFor();
    await bob.getByRole("button", { name: "Got it" }).click();
    await ann.getByText("read by Zoë, Bob (2 of 2)").waitFor();
  });

  it("opens the room that the address names, and keeps the rooms apart", async () => {
    const demo = await runDemo();
    const [ann, bob] = [await visitAs("Ann", demo.url), await visitAs("Bob", `${demo.url}#garden`)];
    expect(await bob.locator("#rooms [aria-current]").textContent()).toBe("garden");
    await say(ann, "in the lobby");
    await ann.locator("#messages li", { hasText: "in the lobby" }).waitFor();
    await ann.getByRole("link", { name: "garden" }).click();
    await bob.locator("#members li", { hasText: "Ann" }).waitFor();
    await say(ann, "in the garden");
    await bob.locator("#messages li", { hasText: "in the garden" }).waitFor();
    expect(await bob.locator("#messages li").allTextContents()).toEqual(["Annin the garden"]);
  });

  it("loses nothing that is important when the backends that hold its members stop", async () => {
    const demo = await runDemo();
    const [ann, bob] = [await visit(demo.url), await visit(demo.url)];
    const holder = await holderOf(bob.page);
    const bobsName = await bob.page.locator("#name").inputValue();
    await ann.page.locator("#members li", { hasText: bobsName }).waitFor();
    const shown = await watchMembers(ann.page);
    await ann.page.getByRole("button", { name: `Stop ${holder}` }).click();
    await say(ann.page, "one", "Send as important");
    await say(ann.page, "two", "Send as important");
    await bob.page.getByText(`Moved here from ${holder}.`).waitFor();
    const lines = bob.page.locator("#messages li");
    await lines.filter({ hasText: "two" }).waitFor();
    expect(await lines.allTextContents()).toEqual([
      expect.stringContaining("one"),
      expect.stringContaining("two"),
    ]);
    // The list is read again every two seconds.
    await expect.poll(async () => (await shown()).length, { timeout: 10_000 }).toBeGreaterThan(1);
    expect((await shown()).filter((members) => !members.includes(bobsName))).toEqual([]);
    await ann.page.getByRole("button", { name: `Start ${holder}` }).click();
    await ann.page.getByRole("button", { name: `Stop ${holder}` }).waitFor();
  });

  it("stops backends for its own page on this machine alone, and never the last one", async () => {
    const demo = await runDemo();
    const { origin, port } = new URL(demo.url);
    const ours = { "x-ringway-demo": "page", origin };
    const refused = [
      {},
      { "x-ringway-demo": "page" },
      { origin },
      { ...ours, origin: "https://elsewhere.example" },
      { ...ours, origin: "null" },
      // A name of somebody else's that leads to this machine (DNS rebinding).
      { ...ours, origin: `http://evil.example:${port}`, host: `evil.example:${port}` },
    ];
    for (const headers of refused) expect(await ask(demo, "ann/stop", headers)).toBe(403);
    const answers = [];
    for (const id of ["ann", "bob", "cleo", "nobody"]) {
      answers.push(await ask(demo, `${id}/stop`, ours));
    }
    expect(answers).toEqual([204, 204, 409, 409]);
  });

  it("holds a client whatever address it has called", async () => {
    const demo = await runDemo();
    const { host } = new URL(demo.url);
    for (const path of ["//", "/?user=", "/?user=%"]) {
      const socket = new WebSocket(`ws://${host}${path}`);
      await once(socket, "open");
      socket.close();
      await once(socket, "close");
    }
    expect((await fetch(demo.url)).status).toBe(200);
  });

  it("is served with a policy that lets nothing in from elsewhere", async () => {
    const demo = await runDemo();
    const response = await fetch(demo.url);
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect((await fetch(new URL("/../demo.ts", demo.url))).status).toBe(404);
  });
});
