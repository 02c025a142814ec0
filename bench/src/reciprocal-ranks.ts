/**
 * How are ranked lists fused?
 *
 * Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods"
 * (2009): a row's score is the sum over the lists of 1 / (60 + rank).
 */
const rankConstant = 60;

/** Fused score of every row in one of the lists. */
export function fused(lists: readonly (readonly number[])[]): Map<number, number> {
  const scores = new Map<number, number>();
  for (const list of lists) {
    for (const [place, row] of list.entries()) {
      scores.set(row, (scores.get(row) ?? 0) + 1 / (rankConstant + place + 1));
    }
  }
  return scores;
}
