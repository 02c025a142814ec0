/**
 * Which k rows are the best so far?
 *
 * A binary heap with the worst row at the root. Rows come in ascending order, so that one of equal score never takes
 * the place of one that is there. Scores (f64) and rows (u32) lie in two arrays.
 */
import { Q_COUNT, Q_K, Q_ROWS, Q_SCORES } from "./layout";

// @ts-ignore: decorator
@inline
function isWorse(score: f64, row: u32, otherScore: f64, otherRow: u32): bool {
  return score < otherScore || (score == otherScore && row > otherRow);
}

/** Puts an entry into the root of a heap of `count` entries whose root is free. */
function siftDown(scores: usize, rows: usize, count: u32, score: f64, row: u32): void {
  let place: u32 = 0;
  while (true) {
    let child: u32 = 2 * place + 1;
    if (child >= count) break;
    let childScore = load<f64>(scores + (<usize>child << 3));
    let childRow = load<u32>(rows + (<usize>child << 2));
    if (child + 1 < count) {
      const rightScore = load<f64>(scores + (<usize>(child + 1) << 3));
      const rightRow = load<u32>(rows + (<usize>(child + 1) << 2));
      if (isWorse(rightScore, rightRow, childScore, childRow)) {
        child += 1;
        childScore = rightScore;
        childRow = rightRow;
      }
    }
    if (!isWorse(childScore, childRow, score, row)) break;
    store<f64>(scores + (<usize>place << 3), childScore);
    store<u32>(rows + (<usize>place << 2), childRow);
    place = child;
  }
  store<f64>(scores + (<usize>place << 3), score);
  store<u32>(rows + (<usize>place << 2), row);
}

function siftUp(scores: usize, rows: usize, place: u32, score: f64, row: u32): void {
  while (place > 0) {
    const parent = (place - 1) >> 1;
    const parentScore = load<f64>(scores + (<usize>parent << 3));
    const parentRow = load<u32>(rows + (<usize>parent << 2));
    if (!isWorse(score, row, parentScore, parentRow)) break;
    store<f64>(scores + (<usize>place << 3), parentScore);
    store<u32>(rows + (<usize>place << 2), parentRow);
    place = parent;
  }
  store<f64>(scores + (<usize>place << 3), score);
  store<u32>(rows + (<usize>place << 2), row);
}

/** What a row must exceed to be among the best: 0 while there is room (every score is above 0). */
// @ts-ignore: decorator
@inline
export function threshold(question: usize): f64 {
  return load<u32>(question, Q_COUNT) < load<u32>(question, Q_K) ? 0 : load<f64>(<usize>load<u32>(question, Q_SCORES));
}

/** Takes a row in whose score exceeds the threshold. */
export function enter(question: usize, score: f64, row: u32): void {
  const scores = <usize>load<u32>(question, Q_SCORES);
  const rows = <usize>load<u32>(question, Q_ROWS);
  const count = load<u32>(question, Q_COUNT);
  if (count == load<u32>(question, Q_K)) {
    siftDown(scores, rows, count, score, row);
    return;
  }
  store<u32>(question, count + 1, Q_COUNT);
  siftUp(scores, rows, count, score, row);
}

/** Sorts the rows, best first. */
export function sortBest(question: usize): void {
  const scores = <usize>load<u32>(question, Q_SCORES);
  const rows = <usize>load<u32>(question, Q_ROWS);
  for (let left = load<u32>(question, Q_COUNT); left > 1; left -= 1) {
    const last = left - 1;
    const score = load<f64>(scores + (<usize>last << 3));
    const row = load<u32>(rows + (<usize>last << 2));
    store<f64>(scores + (<usize>last << 3), load<f64>(scores));
    store<u32>(rows + (<usize>last << 2), load<u32>(rows));
    siftDown(scores, rows, last, score, row);
  }
}
