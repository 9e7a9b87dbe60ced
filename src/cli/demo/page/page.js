/* global document, location, localStorage, sessionStorage, setTimeout, window */
// The demo's page: which backend holds this session, the fleet, and rooms to chat in.
import { connect } from "./client/index.js";
import { showFleet } from "./fleet.js";
import { Room } from "./room.js";

const RENAME_MS = 1_000;
const ROOMS = ["lobby", "kitchen", "garden"];

const element = (id) => document.getElementById(id);
const name = (localStorage.name ??= `guest-${Math.random().toString(36).slice(2, 6)}`);
const server = new URL("/ws", location.href);
server.searchParams.set("user", name);
const client = connect(server, { retry: { firstMs: 250, maxMs: 4_000 } });
let holder = "";
let room;

client.on("open", ({ node }) => {
  element("visits").textContent = greeting(node);
  holder = node;
  element("backend").textContent = node;
  element("backend").dataset.backend = node;
});
client.on("close", ({ isFinal }) => {
  element("visits").textContent = isFinal ? "closed" : "reconnecting…";
});
client.channel("demo:fleet").on("message", ({ data }) => showFleet(data.backends, holder));

/** What a connection tells: a visit, a return, or a move. */
function greeting(node) {
  if (holder !== "") return holder === node ? "Back where you were." : `Moved here from ${holder}.`;
  const visits = Number(sessionStorage.getItem(`visits ${node}`) ?? 0) + 1;
  sessionStorage.setItem(`visits ${node}`, visits);
  return visits === 1 ? "Your first visit here." : `Visit ${visits}, each of them here.`;
}

function enter() {
  const wanted = location.hash.slice(1);
  const title = ROOMS.includes(wanted) ? wanted : ROOMS[0];
  void room?.leave();
  room = new Room(client.channel(`room:${title}`), name);
  for (const link of element("rooms").children) {
    if (link.hash === `#${title}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

element("rooms").append(
  ...ROOMS.map((title) => {
    const link = document.createElement("a");
    link.href = `#${title}`;
    link.textContent = title;
    return link;
  }),
);
element("name").value = name;
element("name").addEventListener("change", ({ target }) => {
  localStorage.name = target.value.trim() || name;
  // Nobody of the old name shall stay for the grace time; without a connection nobody can say so.
  const patience = new Promise((resolve) => setTimeout(resolve, RENAME_MS));
  void Promise.race([room.leave(), patience]).then(() => location.reload());
});
element("reload").addEventListener("click", () => location.reload());
element("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = element("text").value.trim();
  if (text === "") return;
  if (event.submitter?.id === "important") room.sayImportant(text);
  else room.say(text);
  element("text").value = "";
});
window.addEventListener("hashchange", enter);
enter();
