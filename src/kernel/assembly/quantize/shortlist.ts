/**
 * Which `wanted` rows have the best scores?
 *
 * Entries (float32 score, u32 row) gather in a buffer of more than twice that many; when it is full, the better ones are
 * selected and the rest is forgotten, and the worst of those kept is from then on the threshold. Cheaper than a heap
 * where a list is long.
 */

// Header: u32 wanted, count, capacity, addresses of scores and rows; f32 threshold that a score must be above.
export const L_WANTED: usize = 0;
export const L_COUNT: usize = 4;
export const L_CAPACITY: usize = 8;
export const L_SCORES: usize = 12;
export const L_ROWS: usize = 16;
export const L_THRESHOLD: usize = 20;
export const LIST_HEADER: usize = 64;

// @ts-ignore: decorator
@inline
function capacityOf(wanted: u32): u32 {
  return 2 * wanted + 32;
}

/** Bytes of a shortlist with its header. */
export function shortlistBytes(wanted: u32): usize {
  return LIST_HEADER + (<usize>capacityOf(wanted) << 3);
}

export function initShortlist(list: usize, wanted: u32): void {
  const capacity = capacityOf(wanted);
  store<u32>(list, wanted, L_WANTED);
  store<u32>(list, 0, L_COUNT);
  store<u32>(list, capacity, L_CAPACITY);
  store<u32>(list, <u32>(list + LIST_HEADER), L_SCORES);
  store<u32>(list, <u32>(list + LIST_HEADER + (<usize>capacity << 2)), L_ROWS);
  store<f32>(list, -Infinity, L_THRESHOLD);
}

// @ts-ignore: decorator
@inline
function swap(scores: usize, rows: usize, a: usize, b: usize): void {
  const score = load<f32>(scores + a);
  const row = load<u32>(rows + a);
  store<f32>(scores + a, load<f32>(scores + b));
  store<u32>(rows + a, load<u32>(rows + b));
  store<f32>(scores + b, score);
  store<u32>(rows + b, row);
}

/**
 * Moves the entries of [from, to) that are above the pivot, or equal to it, to the front. Returns where they end. Every entry
 * is swapped: without a branch on its score, which no predictor could foresee.
 */
// @ts-ignore: decorator
@inline
function partition(isEqual: bool, scores: usize, rows: usize, from: usize, to: usize, pivot: f32): usize {
  let end = from;
  for (let at = from; at < to; at += 4) {
    const score = load<f32>(scores + at);
    const row = load<u32>(rows + at);
    store<f32>(scores + at, load<f32>(scores + end));
    store<u32>(rows + at, load<u32>(rows + end));
    store<f32>(scores + end, score);
    store<u32>(rows + end, row);
    end += <usize>(isEqual ? score == pivot : score > pivot) << 2;
  }
  return end;
}

/** Brings the best `wanted` of `count` entries to the front (quickselect, the middle of three as pivot). */
function select(scores: usize, rows: usize, count: u32, wanted: u32): void {
  let from: usize = 0;
  let to = <usize>count << 2;
  const place = <usize>wanted << 2;
  while (to - from > 4) {
    const a = load<f32>(scores + from);
    const b = load<f32>(scores + (((from + to) >> 1) & ~3));
    const c = load<f32>(scores + to - 4);
    const pivot = max(min(a, b), min(max(a, b), c));
    const above = partition(false, scores, rows, from, to, pivot);
    if (place <= above) {
      // One that is not above is left out, or all are: the pivot is never among them.
      to = above;
      continue;
    }
    from = partition(true, scores, rows, above, to, pivot);
    if (place <= from) return;
  }
}

/** Forgets what is not among the best `wanted`. */
export function trimShortlist(list: usize): void {
  const wanted = load<u32>(list, L_WANTED);
  const count = load<u32>(list, L_COUNT);
  if (count < wanted) return;
  const scores = <usize>load<u32>(list, L_SCORES);
  if (count > wanted) select(scores, load<u32>(list, L_ROWS), count, wanted);
  let worst = load<f32>(scores);
  for (let i: usize = 1; i < <usize>wanted; i++) worst = min(worst, load<f32>(scores + (i << 2)));
  store<f32>(list, worst, L_THRESHOLD);
  store<u32>(list, wanted, L_COUNT);
}

/** Adds an entry whose score is above the threshold. */
// @ts-ignore: decorator
@inline
export function pushShortlist(list: usize, score: f32, row: u32): void {
  let count = load<u32>(list, L_COUNT);
  if (count == load<u32>(list, L_CAPACITY)) {
    trimShortlist(list);
    count = load<u32>(list, L_COUNT);
    if (!(score > load<f32>(list, L_THRESHOLD))) return;
  }
  store<f32>(<usize>load<u32>(list, L_SCORES) + (<usize>count << 2), score);
  store<u32>(<usize>load<u32>(list, L_ROWS) + (<usize>count << 2), row);
  store<u32>(list, count + 1, L_COUNT);
}

// @ts-ignore: decorator
@inline
function isWorse(score: f32, row: u32, otherScore: f32, otherRow: u32): bool {
  return score < otherScore || (score == otherScore && row > otherRow);
}

function siftDown(scores: usize, rows: usize, place: u32, count: u32): void {
  const score = load<f32>(scores + (<usize>place << 2));
  const row = load<u32>(rows + (<usize>place << 2));
  while (true) {
    let child: u32 = 2 * place + 1;
    if (child >= count) break;
    let childScore = load<f32>(scores + (<usize>child << 2));
    let childRow = load<u32>(rows + (<usize>child << 2));
    if (child + 1 < count) {
      const rightScore = load<f32>(scores + (<usize>(child + 1) << 2));
      const rightRow = load<u32>(rows + (<usize>(child + 1) << 2));
      if (isWorse(rightScore, rightRow, childScore, childRow)) {
        child += 1;
        childScore = rightScore;
        childRow = rightRow;
      }
    }
    if (!isWorse(childScore, childRow, score, row)) break;
    store<f32>(scores + (<usize>place << 2), childScore);
    store<u32>(rows + (<usize>place << 2), childRow);
    place = child;
  }
  store<f32>(scores + (<usize>place << 2), score);
  store<u32>(rows + (<usize>place << 2), row);
}

/** Keeps the best `wanted` entries and sorts them, best first, ties by row. Returns how many there are. */
export function finishShortlist(list: usize): u32 {
  trimShortlist(list);
  const count = load<u32>(list, L_COUNT);
  const scores = <usize>load<u32>(list, L_SCORES);
  const rows = <usize>load<u32>(list, L_ROWS);
  for (let i = <i32>(count >> 1) - 1; i >= 0; i--) siftDown(scores, rows, i, count);
  for (let last = <i32>count - 1; last > 0; last--) {
    swap(scores, rows, 0, <usize>last << 2);
    siftDown(scores, rows, 0, last);
  }
  return count;
}
