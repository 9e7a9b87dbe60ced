import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { freePort } from "./ports.js";
import { Program } from "./program.js";

const MAIN = new URL("../../dist/cli/main.js", import.meta.url).pathname;

/** A Redis that has on disk what it has confirmed: what a confirmed publish needs to survive it. */
export async function redisServer({ directory, onCrash }, name = "redis") {
  const port = await freePort();
  const durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];
  const program = new Program({
    name,
    command: "redis-server",
    args: () => ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", directory, ...durable],
    onCrash,
    logFile: join(directory, `${name}.log`),
    // While it reads its file it answers -LOADING.
    isReady: () => says(port, "PING\r\n", "+PONG"),
  });
  return { program, url: `redis://127.0.0.1:${port}` };
}

export async function natsServer({ directory, onCrash }) {
  const port = await freePort();
  const program = new Program({
    name: "nats",
    command: "nats-server",
    args: () => ["-a", "127.0.0.1", "-p", `${port}`, "-js", "-sd", directory],
    onCrash,
    logFile: join(directory, "nats.log"),
    isReady: () => says(port, "", "INFO "),
  });
  return { program, url: `nats://127.0.0.1:${port}` };
}

/** An edge at a port that stays. @param configFile without the listener, which `--listen` names */
export function edgeServer({ name, port, configFile, directory, onCrash }) {
  const program = new Program({
    name,
    command: process.execPath,
    args: () => [MAIN, "serve", "--config", configFile],
    onCrash,
    logFile: join(directory, `${name}.log`),
    isReady: () => says(port, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 "),
  });
  return { program, port };
}

/** Whether a server says this first, asked that. */
async function says(port, question, beginning) {
  const socket = connect(port, "127.0.0.1");
  try {
    const answered = once(socket, "data");
    if (question !== "") socket.write(question);
    const [answer] = await answered;
    return answer.toString().startsWith(beginning);
  } finally {
    socket.destroy();
  }
}
