/**
 * Which index name was probably meant?
 *
 * The one of least edit distance (Levenshtein's, two neighbouring letters swapped counting as one edit), if it is near
 * enough to be a slip: a third of the name at most. Of names equally near the first of the list. Both are upper case.
 */

/** Longer names are not compared: no index name comes near it. */
const nameLengthMax = 64;

/** The nearest of `known` to `name`, or null when none is near. */
export function nearestIndexName(name: string, known: readonly string[]): string | null {
  if (name.length === 0 || name.length > nameLengthMax) return null;
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const distance = editDistance(name, candidate);
    if (distance >= bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

/** Edits that turn `a` into `b`: rows of the usual table, the last three of them kept. */
function editDistance(a: string, b: string): number {
  const width = b.length + 1;
  let beforeLast = new Uint8Array(width);
  let last = Uint8Array.from({ length: width }, (_, at) => at);
  let costs = new Uint8Array(width);
  for (let i = 1; i <= a.length; i++) {
    costs[0] = i;
    for (let j = 1; j <= b.length; j++) {
      const isEqual = a[i - 1] === b[j - 1];
      let cost = Math.min(last[j - 1]! + (isEqual ? 0 : 1), last[j]! + 1, costs[j - 1]! + 1);
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwapped) cost = Math.min(cost, beforeLast[j - 2]! + 1);
      costs[j] = cost;
    }
    [beforeLast, last, costs] = [last, costs, beforeLast];
  }
  return last[b.length]!;
}
