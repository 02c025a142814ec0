/**
 * Which known name was probably meant?
 *
 * The one of least edit distance (Levenshtein, letters compared without case), if it is near enough to be a slip: a third
 * of the name at most. Of names equally near the first in alphabetical order.
 */

/** Longer names are not compared: slips happen in names that people type. */
const nameLengthMax = 100;

/** The nearest of `known` to `name`, or null when none is near. */
export function nearestName(name: string, known: Iterable<string>): string | null {
  if (name.length > nameLengthMax) return null;
  const folded = name.toLowerCase();
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    if (candidate.length > nameLengthMax || Math.abs(candidate.length - name.length) > bestDistance) continue;
    const distance = editDistance(folded, candidate.toLowerCase());
    if (distance > bestDistance) continue;
    if (distance === bestDistance && (best === null || candidate > best)) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

function editDistance(a: string, b: string): number {
  const costs = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    let diagonal = i - 1;
    costs[0] = i;
    for (let j = 1; j <= b.length; j += 1) {
      const above = costs[j] ?? 0;
      const replaced = diagonal + (a[i - 1] === b[j - 1] ? 0 : 1);
      costs[j] = Math.min(replaced, above + 1, (costs[j - 1] ?? 0) + 1);
      diagonal = above;
    }
  }
  return costs[b.length] ?? 0;
}
