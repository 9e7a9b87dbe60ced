/* global document, location, WebSocket */
// The demo's page: which backend holds this session, the fleet, and a small chat.

const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 8_000;
const MAX_MESSAGES = 200;

const element = (id) => document.getElementById(id);
let failures = 0;
let socket;
let holder = "";

function connect() {
  socket = new WebSocket(location.href.replace(/^http/, "ws"));
  socket.addEventListener("message", ({ data }) => receive(JSON.parse(data)));
  socket.addEventListener("close", () => {
    // Full jitter: after a failure not everybody comes back at the same moment.
    const delay = Math.random() * Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** failures++);
    element("visits").textContent = "reconnecting…";
    setTimeout(connect, delay);
  });
}

function receive(event) {
  if (event.type === "hello") welcome(event);
  else if (event.type === "fleet") showFleet(event.backends);
  else if (event.type === "message") showMessage(event);
}

function welcome({ backend, name, visits }) {
  failures = 0;
  holder = backend;
  element("backend").textContent = backend;
  element("backend").dataset.backend = backend;
  element("visits").textContent =
    visits === 1 ? "Your first visit here." : `Visit ${visits}, each of them here.`;
  element("name").textContent = `Say something as ${name}`;
}

function showFleet(backends) {
  const rows = backends.map(({ id, state, connections }) => {
    const row = document.createElement("tr");
    row.className = id === holder ? "mine" : "";
    const name = cell("th", id === holder ? `${id} (you)` : id);
    name.scope = "row";
    name.dataset.backend = id;
    const count = cell("td", String(connections));
    count.className = "number";
    const health = cell("td", state);
    health.className = state;
    row.append(name, health, count);
    return row;
  });
  element("fleet").replaceChildren(...rows);
}

function showMessage({ from, backend, text }) {
  const line = document.createElement("li");
  const who = cell("span", from);
  who.className = "from";
  who.dataset.backend = backend;
  who.title = `through ${backend}`;
  line.append(who, text);
  const list = element("messages");
  list.append(line);
  while (list.children.length > MAX_MESSAGES) list.firstElementChild.remove();
  list.scrollTop = list.scrollHeight;
}

function cell(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

element("reload").addEventListener("click", () => location.reload());
element("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = element("text").value.trim();
  if (text === "" || socket.readyState !== WebSocket.OPEN) return;
  socket.send(JSON.stringify({ type: "say", text }));
  element("text").value = "";
});

connect();
