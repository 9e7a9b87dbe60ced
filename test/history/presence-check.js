/**
 * Whether everybody sees the same members, and those who are there.
 *
 * @param plan of which `channels` and `sessions` are read
 * @param views what each witness sees: `{ witness, members }`, a list of members for each channel
 * @returns what is wrong, a sentence each; empty when all agree
 */
export function presenceProblems({ channels, sessions }, views) {
  const problems = [];
  for (const [channel, name] of channels.entries()) {
    const expected = sessions
      .filter(({ token, joins }) => token !== undefined && joins.some((j) => j.channel === channel))
      .map(({ name: id }) => `${id} × 1`)
      .sort();
    for (const { witness, members } of views) {
      const seen = members[channel].map(({ id, connections }) => `${id} × ${connections}`).sort();
      const missing = expected.filter((member) => !seen.includes(member));
      const extra = seen.filter((member) => !expected.includes(member));
      if (missing.length > 0) problems.push(`${witness} misses in ${name}: ${missing.join(", ")}`);
      if (extra.length > 0) problems.push(`${witness} has in ${name}: ${extra.join(", ")}`);
      if (seen.length > new Set(seen).size) problems.push(`${witness} has somebody twice: ${name}`);
    }
  }
  return problems;
}
