/**
 * Which known name was probably meant?
 *
 * The one of least edit distance (Levenshtein's, two letters swapped counting as one edit, case not counting), if it is
 * near enough to be a slip: a third of the name at most. Of names equally near the first in alphabetical order.
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
  let previous: number[] = [];
  let costs = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const isEqual = a[i - 1] === b[j - 1];
      let cost = Math.min(costs[j - 1]! + (isEqual ? 0 : 1), costs[j]! + 1, next[j - 1]! + 1);
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwapped) cost = Math.min(cost, previous[j - 2]! + 1);
      next.push(cost);
    }
    previous = costs;
    costs = next;
  }
  return costs[b.length]!;
}
