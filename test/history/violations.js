const MAX_KEPT = 200;

/** What was found to be wrong: the first of each kind with all that is known of it, the rest counted. */
export class Violations {
  kept = [];
  counts = {};

  get count() {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }

  add(kind, about) {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    if (this.counts[kind] <= MAX_KEPT) this.kept.push({ kind, ...about });
  }
}
