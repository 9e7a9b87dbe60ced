import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
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
      const row = rows.nth(i).filter({ hasText: new RegExp(`${count(id)}$`) });
      await row.waitFor();
      expect(await row.locator("th").textContent()).toBe(mine(id));
      expect(await row.locator("td").allTextContents()).toEqual(["up", String(count(id))]);
    }
  });

  it("carries what one visitor says to another, as text whatever it is", async () => {
    const demo = await runDemo();
    const [ann, bob] = [await visit(demo.url), await visit(demo.url)];
    await Promise.all([holderOf(ann.page), holderOf(bob.page)]);
    for (const text of ["Hello, room!", "<img src=x onerror=alert(1)><b>bold</b>", "naïve ☃ 🎈"]) {
      await ann.page.getByRole("textbox").fill(text);
      await ann.page.getByRole("button", { name: "Send" }).click();
      await bob.page.locator("#messages li", { hasText: text }).waitFor();
    }
    expect(await bob.page.locator("#messages img, #messages b").count()).toBe(0);
    expect([...ann.complaints, ...bob.complaints]).toEqual([]);
  });

  it("connects again by itself when the edge comes back", async () => {
    const demo = await startDemo({ listen: "127.0.0.1:0", admin: "127.0.0.1:0" });
    const { page } = await visit(demo.url);
    await holderOf(page);
    await demo.close();
    await page.getByText("reconnecting…").waitFor();
    const again = await startDemo({ listen: new URL(demo.url).host, admin: "127.0.0.1:0" });
    onTestFinished(() => again.close());
    // The new process has another secret: the page is a new session there.
    await page.getByText("Your first visit here.").waitFor();
  });

  it("is served with a policy that lets nothing in from elsewhere", async () => {
    const demo = await runDemo();
    const response = await fetch(demo.url);
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect((await fetch(new URL("/../demo.ts", demo.url))).status).toBe(404);
  });
});
