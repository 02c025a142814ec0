/**
 * Which k rows are the best so far?
 *
 * A binary heap with the worst row at the root. A row is worse when its score is lower, or equal with a higher row
 * number: ties go to the older row. Scores (float64) and rows (uint32) lie in two arrays.
 */
import { Q_COUNT, Q_HEAP_ROWS, Q_HEAP_SCORES } from "./layout";

// @ts-ignore: decorator
@inline
function isWorse(score: f64, row: u32, otherScore: f64, otherRow: u32): bool {
  return score < otherScore || (score == otherScore && row > otherRow);
}

/** Moves the entry down from the root of a heap of `count` entries whose root is free. */
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

/** Adds an entry to a heap that is not full. */
export function pushHeap(state: usize, score: f64, row: u32): void {
  const scores = state + load<u32>(state, Q_HEAP_SCORES);
  const rows = state + load<u32>(state, Q_HEAP_ROWS);
  let place = load<u32>(state, Q_COUNT);
  store<u32>(state, place + 1, Q_COUNT);
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

/** Puts an entry in the place of the worst one. */
export function replaceWorst(state: usize, score: f64, row: u32): void {
  siftDown(
    state + load<u32>(state, Q_HEAP_SCORES),
    state + load<u32>(state, Q_HEAP_ROWS),
    load<u32>(state, Q_COUNT),
    score,
    row,
  );
}

/** Score of the worst entry. */
export function worstScore(state: usize): f64 {
  return load<f64>(state + load<u32>(state, Q_HEAP_SCORES));
}

/** Sorts the entries, best first; the heap is none afterwards. */
export function endQuery(state: usize): void {
  const scores = state + load<u32>(state, Q_HEAP_SCORES);
  const rows = state + load<u32>(state, Q_HEAP_ROWS);
  for (let last = load<i32>(state, Q_COUNT) - 1; last > 0; last--) {
    const score = load<f64>(scores + (<usize>last << 3));
    const row = load<u32>(rows + (<usize>last << 2));
    store<f64>(scores + (<usize>last << 3), load<f64>(scores));
    store<u32>(rows + (<usize>last << 2), load<u32>(rows));
    siftDown(scores, rows, <u32>last, score, row);
  }
}
