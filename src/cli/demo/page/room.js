/* global document, crypto, setInterval, clearInterval */
// One room: who is in it, what is said, and what becomes of what is important.

const MAX_LINES = 200;
const LOOK_MS = 2_000;

const element = (id) => document.getElementById(id);

export class Room {
  #channel;
  #name;
  #members = new Map();
  /** Important messages that this page has sent, by their keys: the names of who has read them. */
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
    // What is important is settled by the button beside it.
    // How many tabs a member has is no news that is told.
    const looking = setInterval(() => void this.#list().catch(() => undefined), LOOK_MS);
    this.#ends.push(() => clearInterval(looking));
    const joined = channel.join({ delivery: "at-least-once", presence: { name }, ack: "manual" });
    joined.then(() => this.#list()).catch((error) => this.#add(String(error), "note"));
  }

  leave() {
    for (const end of this.#ends) end();
    this.#channel.leave().catch(() => undefined); // the connection is gone, and so is the membership
  }

  /** To who is here now, at most once. */
  say(text) {
    const line = { from: this.#name, text };
    this.#channel.publish(line).catch((error) => this.#add(`Not sent: ${error.message}`, "note"));
  }

  /** To everybody who has joined, until each of them has read it. */
  sayImportant(text) {
    const key = crypto.randomUUID();
    const state = this.#add(text, "mine", this.#name);
    const message = { state, readers: new Set() };
    this.#sent.set(key, message);
    state.textContent = "sending…";
    this.#channel
      .publish({ from: this.#name, text, important: key }, { delivery: "at-least-once", key })
      .then(() => this.#tell(message))
      .catch((error) => (state.textContent = `not sent: ${error.message}`));
  }

  #hear(message) {
    const { from, text, important, receipt } = message.data;
    if (receipt !== undefined) {
      const sent = this.#sent.get(receipt);
      sent?.readers.add(from);
      if (sent !== undefined) this.#tell(sent);
      message.ack();
    } else if (important === undefined) {
      this.#add(text, "", from);
    } else if (this.#sent.has(important)) {
      message.ack(); // our own
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
      const key = `${important} ${this.#name}`;
      const receipt = { from: this.#name, receipt: important };
      // A reload may have acknowledged it already: the same key is the same receipt.
      this.#channel.publish(receipt, { delivery: "at-least-once", key }).catch(() => undefined);
    });
    state.append(button);
  }

  #tell({ state, readers }) {
    state.textContent =
      readers.size === 0 ? "stored, read by nobody yet" : `read by ${[...readers].join(", ")}`;
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
