/** Losses that are told of with all that is known. */
const MAX_KEPT = 10_000;

/**
 * What was confirmed, was published after a session was in the channel, and was not handled by it.
 *
 * @returns `kept`: what was promised at least once, each; `live`: how many were not, and may be lost
 */
export function findLosses({ sessions }, { streams, receptionOf, joinedAt }) {
  const kept = [];
  let live = 0;
  for (const [session, { joins }] of sessions.entries()) {
    for (const { channel, delivery } of joins) {
      const since = joinedAt[session].get(channel) ?? Infinity;
      for (const [stream, record] of streams.entries()) {
        if (record.channel !== channel) continue;
        const missing = missingOf(record, receptionOf(session, stream), since);
        const isPromised = record.isKept && delivery === "at-least-once";
        for (const seq of missing) {
          if (!isPromised) live++;
          else if (kept.length < MAX_KEPT) kept.push({ session, stream, seq });
        }
      }
    }
  }
  return { kept, live };
}

function* missingOf(record, reception, since) {
  for (let seq = 1; seq <= record.last; seq++) {
    const isDue = record.isConfirmed(seq) && record.startedAt(seq) > since;
    if (isDue && !reception.isHandled(seq)) yield seq;
  }
}
