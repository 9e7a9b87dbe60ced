/* global document, fetch */
// The table of backends, each with a button that stops or starts it.

const rows = new Map();

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
    const what = button.textContent.toLowerCase();
    void fetch(`/demo/${id}/${what}`, { method: "POST", headers: { "X-Ringway-Demo": "page" } });
  });
  cell.append(button);
  row.append(name, health, count, cell);
  document.getElementById("fleet").append(row);
  const added = { row, name, count, health, button };
  rows.set(id, added);
  return added;
}
