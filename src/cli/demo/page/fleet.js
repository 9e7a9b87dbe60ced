/* global document, fetch */
// The table of backends, each with a button that stops or starts it.

const rows = new Map();
const refusals = {
  403: "Backends can be stopped and started on the demo's own machine only.",
  502: "The backend that was asked is going just now. Try again.",
  409: "This is the last one that runs: somebody has to serve the page.",
};

export function showFleet(backends, holder) {
  for (const { id, state, connections } of backends) {
    const { row, name, count, health, button } = rows.get(id) ?? addRow(id);
    row.className = id === holder ? "mine" : "";
    name.textContent = id === holder ? `${id} (you)` : id;
    count.textContent = String(connections);
    health.textContent = state;
    health.className = state;
    button.textContent = state === "stopped" ? "Start" : "Stop";
    button.setAttribute("aria-label", `${button.textContent} ${id}`);
  }
}

function addRow(id) {
  const row = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  name.dataset.backend = id;
  const [health, count, cell] = Array.from({ length: 3 }, () => document.createElement("td"));
  count.className = "number";
  cell.className = "number";
  const button = document.createElement("button");
  button.type = "button";
  button.addEventListener("click", () => {
    void ask(id, button.textContent.toLowerCase());
  });
  cell.append(button);
  row.append(name, health, count, cell);
  document.getElementById("fleet").append(row);
  const added = { row, name, count, health, button };
  rows.set(id, added);
  return added;
}

async function ask(id, what) {
  const request = { method: "POST", headers: { "X-Ringway-Demo": "page" } };
  const said = document.getElementById("refused");
  try {
    const { ok, status } = await fetch(`/demo/${id}/${what}`, request);
    said.textContent = ok ? "" : (refusals[status] ?? `Refused with ${status}.`);
  } catch {
    said.textContent = "Nobody answered."; // the edge has gone, or the network
  }
}
