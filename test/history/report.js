const SHOWN = 10;
/** Fields that are times. */
const TIMES = ["at", "publishedAt", "confirmedAt"];

/** What a run has found, as text. */
export function reportOf(plan, { checker, faults, lost, directory, beganAtMs }) {
  const { counts, violations, closes, failures } = checker;
  const rows = [
    ["published", checker.published],
    ["confirmed", checker.confirmed],
    ["handed over", counts.delivered],
    ["redelivered", counts.redelivered],
    ["duplicates suppressed", counts.suppressed],
    ["refused by handlers on purpose", counts.refusedByHandlers],
    ["handled again after a kill -9 of the client", counts.handledAgainAfterKill],
    ["gaps", counts.gaps],
    ["dead letters", counts.deadLetters],
    ["lost, promised at least once", lost.kept],
    ["not got, promised at most once", lost.live],
    ["connections of clients", counts.connections],
    ["connections closed, by code", listed(closes)],
    ["publishes that failed, by code", listed(failures)],
    ["faults", faults.struck.length],
    ...countsByKind(faults.struck),
    ["faults that found nobody", faults.missed.length],
    ["violations", violations.count],
    ...Object.entries(violations.counts).map(([kind, count]) => [`  ${kind}`, count]),
  ];
  const table = rows.map(([name, value]) => `${name.padEnd(46)} ${value}`);
  const shown = violations.kept.slice(0, SHOWN).map((each) => describe(plan, each, beganAtMs));
  const where = violations.count > 0 ? [`logs of the processes: ${directory}`] : [];
  return [...table, ...shown, ...where].join("\n");
}

/** With names in place of numbers, and times in milliseconds since the run began, as faults have. */
function describe(plan, { kind, type: _, ...about }, beganAtMs) {
  const { session, stream } = about;
  if (session !== undefined) about.session = plan.sessions[session].name;
  if (stream !== undefined) about.stream = `${stream}: ${streamName(plan, plan.streams[stream])}`;
  for (const time of TIMES) if (about[time] > 0) about[time] = Math.round(about[time] - beganAtMs);
  return `VIOLATION ${kind}: ${JSON.stringify(about)}`;
}

function streamName({ channels, publishers }, { publisher, channel, delivery }) {
  const { client, node } = publishers[publisher];
  const name = client === undefined ? `node-${node}` : `client-${client}`;
  return `${name}, ${channels[channel]}, ${delivery}`;
}

function listed(counts) {
  const entries = Object.entries(counts).sort(([, a], [, b]) => b - a);
  return entries.map(([name, count]) => `${name}: ${count}`).join(", ") || "none";
}

function countsByKind(struck) {
  const counts = {};
  for (const { kind } of struck) counts[kind] = (counts[kind] ?? 0) + 1;
  return Object.entries(counts)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, count]) => [`  ${kind}`, count]);
}
