/**
 * What is a vector's exact score?
 *
 * A float64 sum over the features that query and vector share, in ascending order of feature, whatever the plan. Adding
 * the zero products of the other features changes nothing. Products are float64 products of float32 weights: exact.
 */
import { pushHeap, replaceWorst, worstScore } from "../scan/heap";
import { Q_COUNT, Q_HEAP_ROWS, Q_K } from "../scan/layout";
import {
  G_NUMBERS,
  G_ROWS,
  G_SLOTS,
  G_STARTS,
  G_VALUES,
  G_WIDTH,
  hashOf,
  NO_ROW,
  P_COUNT,
  P_FEATURES,
  P_HASH,
  P_HASH_MASK,
  P_MASK,
  P_ROW_LIMIT,
  P_SCORED,
  P_TABLE,
  P_WEIGHTS,
} from "./layout";

// @ts-ignore: decorator
@inline
function sumOf<W>(numbers: usize, values: usize, from: u32, to: u32, table: usize): f64 {
  let sum: f64 = 0;
  let value = values + (<usize>from << 2);
  const end = values + (<usize>to << 2);
  let number = numbers + <usize>from * sizeof<W>();
  for (; value < end; value += 4, number += sizeof<W>()) {
    sum += <f64>load<f32>(table + (<usize>load<W>(number) << 2)) * <f64>load<f32>(value);
  }
  return sum;
}

/** Score of a slot, by the table of the query's weights. */
export function slotScore(query: usize, segment: usize, slot: usize): f64 {
  const starts = <usize>load<u32>(segment, G_STARTS) + (slot << 2);
  const values = <usize>load<u32>(segment, G_VALUES);
  const numbers = <usize>load<u32>(segment, G_NUMBERS);
  const table = <usize>load<u32>(query, P_TABLE);
  const from = load<u32>(starts);
  const to = load<u32>(starts, 4);
  return load<u32>(segment, G_WIDTH) == 2
    ? sumOf<u16>(numbers, values, from, to, table)
    : sumOf<u32>(numbers, values, from, to, table);
}

/** True where the row lives and may be returned. */
// @ts-ignore: decorator
@inline
export function isAllowed(query: usize, row: u32): bool {
  if (row == NO_ROW || row >= load<u32>(query, P_ROW_LIMIT)) return false;
  const mask = <usize>load<u32>(query, P_MASK);
  return !mask || ((load<u32>(mask + (<usize>(row >>> 5) << 2)) >>> (row & 31)) & 1) != 0;
}

// @ts-ignore: decorator
@inline
export function isFull(query: usize): bool {
  return load<u32>(query, Q_COUNT) >= load<u32>(query, Q_K);
}

/** Offers a score to the heap. */
// @ts-ignore: decorator
@inline
function offer(query: usize, row: u32, score: f64): void {
  store<u32>(query, load<u32>(query, P_SCORED) + 1, P_SCORED);
  if (score == 0) return;
  if (!isFull(query)) {
    pushHeap(query, score, row);
    return;
  }
  const worst = worstScore(query);
  if (score < worst) return;
  if (score == worst && row > load<u32>(query + load<u32>(query, Q_HEAP_ROWS))) return;
  replaceWorst(query, score, row);
}

/** Scores a slot where its row may be returned. */
export function offerSlot(query: usize, segment: usize, slot: usize): void {
  const row = load<u32>(<usize>load<u32>(segment, G_ROWS) + (slot << 2));
  if (isAllowed(query, row)) offer(query, row, slotScore(query, segment, slot));
}

/** Bytes of a hash table of `count` features. */
export function hashBytes(count: u32): usize {
  return (<usize>1) << (32 - clz(count | 15) + 2 + 3);
}

/** Fills the hash table, which is zero: u32 feature, f32 weight, which is zero in free places. */
export function hashFeatures(query: usize): void {
  const table = <usize>load<u32>(query, P_HASH);
  const count = <usize>load<u32>(query, P_COUNT);
  const mask = <u32>(hashBytes(<u32>count) >> 3) - 1;
  store<u32>(query, mask, P_HASH_MASK);
  for (let i: usize = 0; i < count; i++) {
    const feature = load<u32>(<usize>load<u32>(query, P_FEATURES) + (i << 2));
    let at = hashOf(feature) & mask;
    while (load<f32>(table + (<usize>at << 3), 4) != 0) at = (at + 1) & mask;
    store<u32>(table + (<usize>at << 3), feature);
    store<f32>(table + (<usize>at << 3), load<f32>(<usize>load<u32>(query, P_WEIGHTS) + (i << 2)), 4);
  }
}

/** Score of a loose vector, which names its features itself. */
function looseScore(query: usize, loose: usize, slot: usize): f64 {
  const starts = <usize>load<u32>(loose, G_STARTS) + (slot << 2);
  const features = <usize>load<u32>(loose, G_NUMBERS);
  const values = <usize>load<u32>(loose, G_VALUES);
  const table = <usize>load<u32>(query, P_HASH);
  const mask = load<u32>(query, P_HASH_MASK);
  const end = load<u32>(starts, 4);
  let sum: f64 = 0;
  for (let i = load<u32>(starts); i < end; i++) {
    const feature = load<u32>(features + (<usize>i << 2));
    let at = table + (<usize>(hashOf(feature) & mask) << 3);
    while (true) {
      const weight = load<f32>(at, 4);
      if (weight == 0) break;
      if (load<u32>(at) == feature) {
        sum += <f64>weight * <f64>load<f32>(values + (<usize>i << 2));
        break;
      }
      at = table + (((at - table) + 8) & ((<usize>mask << 3) | 7));
    }
  }
  return sum;
}

/** Scores the loose vectors. */
export function searchLoose(query: usize, loose: usize): void {
  const rows = <usize>load<u32>(loose, G_ROWS);
  const slots = <usize>load<u32>(loose, G_SLOTS);
  for (let slot: usize = 0; slot < slots; slot++) {
    const row = load<u32>(rows + (slot << 2));
    if (isAllowed(query, row)) offer(query, row, looseScore(query, loose, slot));
  }
}

/** Sets the bits of the rows of loose vectors whose score is not zero. */
export function matchLoose(query: usize, loose: usize, bits: usize): void {
  const rows = <usize>load<u32>(loose, G_ROWS);
  const slots = <usize>load<u32>(loose, G_SLOTS);
  for (let slot: usize = 0; slot < slots; slot++) {
    const row = load<u32>(rows + (slot << 2));
    if (isAllowed(query, row) && looseScore(query, loose, slot) != 0) setBit(bits, row);
  }
}

// @ts-ignore: decorator
@inline
export function setBit(bits: usize, at: u32): void {
  const word = bits + (<usize>(at >>> 5) << 2);
  store<u32>(word, load<u32>(word) | (1 << (at & 31)));
}
