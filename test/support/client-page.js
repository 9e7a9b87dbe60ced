// A page with a client of the node that serves it: `?options={…}&ws=ws://…&user=ann`.
import { connect } from "/index.js";

const query = new URLSearchParams(location.search);
const url = new URL(query.get("ws") ?? "/ws", location.href);
const user = query.get("user");
if (user !== null) url.searchParams.set("user", user);

const client = connect(url, JSON.parse(query.get("options") ?? "{}"));
const room = client.channel("room");
const got = [];
const told = [];
for (const name of ["open", "close", "gap", "error"]) {
  client.on(name, (event) => told.push({ name, ...event }));
}
room.on("message", ({ data }) => got.push(data));

window.page = { client, room, got, told };
