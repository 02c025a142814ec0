/**
 * How many of the true nearest rows did a search find?
 *
 * Counted by value: a row counts when its value reaches the k-th best true one, so that ties and near-duplicates count
 * whichever of them is found. Values of indexes are exact; the slack is for their rounding to float32.
 */
const slackShare = 1e-5;

/** `exact` and `found` are best first; `isHigherBetter` where a value is a score. 1 where nothing could be found. */
export function recallByValue(exact: ArrayLike<number>, found: ArrayLike<number>, isHigherBetter: boolean): number {
  if (exact.length === 0) return 1;
  const last = exact[exact.length - 1] ?? 0;
  const slack = slackShare * Math.max(Math.abs(last), 1e-3);
  let right = 0;
  for (let at = 0; at < Math.min(found.length, exact.length); at += 1) {
    const value = found[at] ?? Number.NaN;
    if (isHigherBetter ? value >= last - slack : value <= last + slack) right += 1;
  }
  return right / exact.length;
}
