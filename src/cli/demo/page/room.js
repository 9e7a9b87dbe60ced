/* global document, crypto, setInterval, clearInterval */
// One room: who is in it, and what is said.
import { Important } from "./important.js";

const MAX_LINES = 200;
const LOOK_MS = 2_000;

const element = (id) => document.getElementById(id);

export class Room {
  #channel;
  #name;
  #members = new Map();
  /** The important messages that this page has sent, by their keys. */
  #sent = new Map();
  #ends;

  constructor(channel, name) {
    this.#channel = channel;
    this.#name = name;
    element("messages").replaceChildren();
    element("members").replaceChildren();
    this.#ends = [
      channel.on("message", (message) => this.#hear(message)),
      channel.on("presence", (news) => this.#see(news)),
      channel.on("gap", () => this.#add("Some messages are gone for good.", "note")),
    ];
    // How many tabs a member has is no news that is told.
    const looking = setInterval(() => void this.#list().catch(() => undefined), LOOK_MS);
    this.#ends.push(() => clearInterval(looking));
    // By hand: what is important is settled by the button beside it.
    const joined = channel.join({ delivery: "at-least-once", presence: { name }, ack: "manual" });
    joined.then(() => this.#list()).catch((error) => this.#add(String(error), "note"));
  }

  async leave() {
    for (const end of this.#ends) end();
    await this.#channel.leave().catch(() => undefined); // the connection is gone, and so is the membership
  }

  /** To who is here now, at most once. */
  say(text) {
    const line = { from: this.#name, text };
    this.#channel.publish(line).catch((error) => this.#add(`Not sent: ${error.message}`, "note"));
  }

  /** To everybody who has joined, until each of them has read it. */
  sayImportant(text) {
    const key = crypto.randomUUID();
    const others = [...this.#members.keys()].filter((id) => id !== this.#name);
    const sent = new Important(this.#add(text, "mine", this.#name), others);
    this.#sent.set(key, sent);
    if (this.#sent.size > MAX_LINES) this.#sent.delete(this.#sent.keys().next().value);
    this.#channel
      .publish({ from: this.#name, text, important: key }, { delivery: "at-least-once", key })
      .then(() => sent.stored())
      .catch((error) => sent.failed(error));
  }

  #hear(message) {
    const { from, text, important, receipt, step } = message.data;
    if (receipt !== undefined) {
      if (from !== this.#name) this.#sent.get(receipt)?.receipt(step, from);
      message.ack();
    } else if (important === undefined) {
      this.#add(text, "", from);
    } else if (from === this.#name) {
      // Our own; another tab of ours has the receipts.
      if (!this.#sent.has(important)) this.#add(text, "mine", from);
      message.ack();
    } else {
      this.#addImportant(message);
    }
  }

  #addImportant(message) {
    const { from, text, important } = message.data;
    const state = this.#add(text, "important", from);
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Got it";
    button.addEventListener("click", () => {
      message.ack();
      state.textContent = "acknowledged";
      this.#confirm(important, "read");
    });
    state.append(button);
    this.#confirm(important, "delivered");
  }

  /** Tells the sender. */
  #confirm(receipt, step) {
    // After a reload it is told again: the same key of this session is the same receipt.
    const options = { delivery: "at-least-once", key: `${receipt} ${step}` };
    this.#channel
      .publish({ from: this.#name, receipt, step }, options)
      .catch((error) => this.#add(`The sender does not know: ${error.message}`, "note"));
  }

  async #list() {
    const members = await this.#channel.members();
    this.#members = new Map(members.map((member) => [member.id, member]));
    this.#showMembers();
  }

  #see({ event, member }) {
    if (event === "leave") this.#members.delete(member.id);
    else this.#members.set(member.id, member);
    this.#showMembers();
  }

  #showMembers() {
    const lines = [...this.#members.values()].map(({ id, data, connections }) => {
      const line = document.createElement("li");
      const tabs = connections > 1 ? ` (${connections} tabs)` : "";
      line.textContent = `${data.name}${tabs}${id === this.#name ? ", you" : ""}`;
      return line;
    });
    element("members").replaceChildren(...lines);
  }

  /** @returns where the state of the line is shown */
  #add(text, kind, from) {
    const line = document.createElement("li");
    line.className = kind;
    if (from !== undefined) {
      const who = document.createElement("span");
      who.className = "from";
      who.textContent = from;
      line.append(who);
    }
    const state = document.createElement("span");
    state.className = "state";
    line.append(text, state);
    const list = element("messages");
    list.append(line);
    while (list.children.length > MAX_LINES) list.firstElementChild.remove();
    list.scrollTop = list.scrollHeight;
    return state;
  }
}
