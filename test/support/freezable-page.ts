import type { Browser, CDPSession } from "playwright-core";

interface Answer {
  readonly id?: number;
  readonly result?: { readonly result?: { readonly value?: unknown } };
  readonly error?: { readonly message: string };
}

/**
 * A page that the browser can freeze. Those of playwright's contexts are shown at all times, and a page
 * that is shown is not frozen: so this one is made beside them, and spoken to by hand.
 */
export class FreezablePage {
  readonly #browser: CDPSession;
  readonly #sessionId: string;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #lastId = 0;

  private constructor(browser: CDPSession, sessionId: string) {
    this.#browser = browser;
    this.#sessionId = sessionId;
    browser.on("Target.receivedMessageFromTarget", ({ message }) => {
      const answer = JSON.parse(message) as Answer;
      this.#waiting.get(answer.id ?? 0)?.(answer);
    });
  }

  static async open(browser: Browser, url: string): Promise<FreezablePage> {
    const session = await browser.newBrowserCDPSession();
    const { targetId } = await session.send("Target.createTarget", { url });
    const { sessionId } = await session.send("Target.attachToTarget", { targetId, flatten: false });
    const page = new FreezablePage(session, sessionId);
    await page.evaluate(
      "new Promise((resolve) => document.readyState === 'complete' ? resolve() : onload = resolve)",
    );
    return page;
  }

  /** What an expression comes to, once it has. */
  async evaluate(expression: string): Promise<unknown> {
    const params = { expression, awaitPromise: true, returnByValue: true };
    return (await this.#send("Runtime.evaluate", params)).result?.result?.value;
  }

  /** Puts another tab before it. */
  async hide(): Promise<void> {
    const hidden = this.evaluate(
      "new Promise((resolve) => document.onvisibilitychange = resolve).then(() => document.visibilityState)",
    );
    await this.#browser.send("Target.createTarget", { url: "about:blank" });
    if ((await hidden) !== "hidden") throw new Error("the page is still shown");
  }

  /** Nothing of it runs until it is thawed. */
  async freeze(): Promise<void> {
    await this.#send("Page.setWebLifecycleState", { state: "frozen" });
  }

  async thaw(): Promise<void> {
    await this.#send("Page.setWebLifecycleState", { state: "active" });
  }

  async #send(method: string, params: object): Promise<Answer> {
    const id = ++this.#lastId;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    const message = JSON.stringify({ id, method, params });
    await this.#browser.send("Target.sendMessageToTarget", { sessionId: this.#sessionId, message });
    const answer = await answered;
    this.#waiting.delete(id);
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
    return answer;
  }
}
