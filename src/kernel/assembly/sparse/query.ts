/**
 * How does a query lie in memory, and how does it begin?
 *
 * One stretch: header, what the query gave, then room for sums, terms, bits, the histogram, the heap and the table. The
 * table has a place for every list of the largest segment and is zero between segments.
 */
import { Q_COUNT, Q_HEAP_ROWS, Q_HEAP_SCORES, Q_K, STATE_HEADER } from "../scan/layout";
import {
  aligned,
  HISTOGRAM_PLACES,
  P_COUNT,
  P_FEATURES,
  P_HASH,
  P_HISTOGRAM,
  P_MASK,
  P_ROW_LIMIT,
  P_SCORED,
  P_SUMS,
  P_TABLE,
  P_TERM_COUNT,
  P_TERMS,
  P_TOUCHED,
  P_WANTED,
  P_WEIGHTS,
  SLOTS_MAX,
  TERM_BYTES,
} from "./layout";
import { hashBytes, hashFeatures } from "./score";

/** Bytes of a query of `count` features for `k` rows, in segments of at most `lists` lists. */
export function queryBytes(count: u32, k: u32, lists: u32): usize {
  const fixed: usize = STATE_HEADER + aligned(SLOTS_MAX << 1) + aligned(SLOTS_MAX >> 3) + aligned(HISTOGRAM_PLACES << 2);
  const given = aligned(<usize>count << 2) + aligned(<usize>count << 2);
  const perFeature: usize = aligned(<usize>count * 2 * TERM_BYTES) + aligned(hashBytes(count));
  return fixed + given + perFeature + aligned(<usize>lists << 2) + aligned(<usize>k << 3) + aligned(<usize>k << 2);
}

/** Writes the places of a new query; features and weights are to be copied to their places before `beginQuery`. */
export function layOutQuery(query: usize, count: u32, k: u32, lists: u32): void {
  memory.fill(query, 0, STATE_HEADER);
  store<u32>(query, k, Q_K);
  store<u32>(query, count, P_COUNT);
  let place = query + STATE_HEADER;
  store<u32>(query, <u32>place, P_FEATURES);
  place += aligned(<usize>count << 2);
  store<u32>(query, <u32>place, P_WEIGHTS);
  place += aligned(<usize>count << 2);
  store<u32>(query, <u32>place, P_TERMS);
  place += aligned(<usize>count * 2 * TERM_BYTES);
  store<u32>(query, <u32>place, P_HASH);
  place += aligned(hashBytes(count));
  store<u32>(query, <u32>place, P_SUMS);
  place += aligned(SLOTS_MAX << 1);
  store<u32>(query, <u32>place, P_TOUCHED);
  place += aligned(SLOTS_MAX >> 3);
  store<u32>(query, <u32>place, P_HISTOGRAM);
  place += aligned(HISTOGRAM_PLACES << 2);
  store<u32>(query, <u32>place, P_TABLE);
  memory.fill(place, 0, <usize>lists << 2);
  place += aligned(<usize>lists << 2);
  store<u32>(query, <u32>(place - query), Q_HEAP_SCORES);
  place += aligned(<usize>k << 3);
  store<u32>(query, <u32>(place - query), Q_HEAP_ROWS);
}

/** Begins a query whose features and weights are in their places; `wanted`: slots to look at first. */
export function beginQuery(query: usize, mask: usize, rowLimit: u32, wanted: u32): void {
  store<u32>(query, <u32>mask, P_MASK);
  store<u32>(query, rowLimit, P_ROW_LIMIT);
  store<u32>(query, wanted, P_WANTED);
  const hash = <usize>load<u32>(query, P_HASH);
  memory.fill(hash, 0, hashBytes(load<u32>(query, P_COUNT)));
  hashFeatures(query);
}

export function featuresPlace(query: usize): usize {
  return load<u32>(query, P_FEATURES);
}

export function weightsPlace(query: usize): usize {
  return load<u32>(query, P_WEIGHTS);
}

/** Vectors scored so far. */
export function scoredCount(query: usize): u32 {
  return load<u32>(query, P_SCORED);
}
