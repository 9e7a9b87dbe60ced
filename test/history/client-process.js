// Several clients of the fleet in a process of their own. Takes its settings as JSON in its argument.
import { ClientSession } from "./client-session.js";
import { Publisher } from "./publisher.js";
import { Recorder } from "./recorder.js";

const { plan, index, life, url, elapsedMs, lastNumbers } = JSON.parse(process.argv[2]);
const recorder = new Recorder();
const sessions = plan.sessions.flatMap(({ process: home }, i) =>
  home === index ? [new ClientSession({ index: i, plan, life, url, recorder })] : [],
);
const publishers = sessions.map((session) => {
  const publish = (channel, data, options) => session.publish(channel, data, options);
  return new Publisher({ plan, recorder, publish });
});

const commands = {
  joined: async () => void (await joined),
  publish() {
    sessions.forEach(({ index: client }, i) => {
      const publisher = plan.publishers.findIndex((each) => each.client === client);
      void publishers[i].run({ publisher, life, lastNumbers, isPatient: false });
    });
  },
  "stop publishing"() {
    for (const publisher of publishers) publisher.stop();
  },
  pending: () => publishers.reduce((sum, { pending }) => sum + pending, 0),
  "stop reading": ({ client, forMs }) => has(client, (session) => session.stopReading(forMs)),
  "stop handling": ({ client, forMs }) => has(client, (session) => session.stopHandling(forMs)),
  async members() {
    return Promise.all(
      sessions.map(async (session) => ({
        witness: plan.sessions[session.index].name,
        members: await session.members(),
      })),
    );
  },
  async close() {
    await Promise.all(sessions.map(({ client }) => client.close()));
    process.disconnect();
  },
};

/** @returns whether the client is one of this process */
function has(client, run) {
  const session = sessions.find(({ index: each }) => each === client);
  if (session !== undefined) run(session);
  return session !== undefined;
}

process.on("message", async (command) => {
  const value = await commands[command.name](command);
  if (process.connected) await recorder.answer(command, value);
});
const joined = Promise.all(sessions.map((session) => session.join(elapsedMs)));
process.send({ ready: true });
