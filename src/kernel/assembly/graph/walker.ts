/**
 * What does a walk work with?
 *
 * A walker is the scratch of one walk at a time: a header, the query, the beam, batches of nodes that wait for their
 * scores, bits for visited nodes and for the mask, and what is asked for.
 */
import { SOURCES } from "./filter";
import {
  G_CAPACITY,
  G_CENTRE,
  G_DIM,
  G_NORM_MAX,
  G_SCALE,
  G_SPACE,
  G_STRIDE,
  isFloatSpace,
  L2,
} from "./layout";

/** Margin of codes in lengths of the int16 query: four standard deviations of their rounding. */
const CODE_MARGIN: f64 = 1.2;
/** Margin of float32 distances, in steps of the last bit. */
const FLOAT_MARGIN: i32 = 64;

// Walker header.
/** u32 places: the query as float32, as int16, the beam, rows waiting for their scores, visited bits, rows found. */
export const W_FLOATS: usize = 0;
export const W_QUERY: usize = 4;
export const W_BEAM: usize = 8;
export const W_BATCH: usize = 12;
export const W_VISITED: usize = 16;
export const W_RESULTS: usize = 20;
/** u32 bytes of the visited bits, multiple of 64. */
export const W_VISITED_BYTES: usize = 24;
/** u32 keys that the beam has room for and those in it. */
export const W_EF_MAX: usize = 28;
export const W_COUNT: usize = 32;
/** u32 nodes scored. */
export const W_SCORED: usize = 36;
/** f32: a score is the dot product less this share of the node's norm. */
export const W_NORM_SHARE: usize = 44;
/** u32 sum of bytes read ahead, for nobody. */
export const W_TOUCHED: usize = 48;
/** i32 what the scores of two rows may differ by though they are equally near. */
export const W_MARGIN: usize = 52;
/** u32 places for the work of an insertion: see `insert.ts`. */
export const W_SELECTED: usize = 56;
export const W_OTHER: usize = 60;
export const W_MERGE: usize = 64;
/** u32 places of the mask, a bit a row, and of the mask with the bits of nodes that have a chain. */
export const W_MASK: usize = 68;
export const W_MAYBE: usize = 72;
/** u32 place of the keys that a filtered walk begins with. */
export const W_SOURCES: usize = 76;
/** u32 each: what is asked for, see `ask`. */
export const W_WAY: usize = 128;
export const W_EF: usize = 132;
export const W_FIRST_EF: usize = 136;
export const W_SCAN_BELOW: usize = 140;
export const W_FILTER_BELOW: usize = 144;
export const W_SCAN_MOST: usize = 148;
export const W_ROW_COUNT: usize = 152;
export const W_SURE: usize = 156;
export const W_LIMIT: usize = 160;
const HEADER: usize = 192;

// @ts-ignore: decorator
@inline
function aligned64(bytes: usize): usize {
  return (bytes + 63) & ~63;
}

/** Bytes of a walker for graphs of up to `rows` rows and walks with up to `ef` nodes. */
export function walkerBytes(graph: usize, rows: u32, ef: u32): usize {
  const stride = <usize>load<u32>(graph, G_STRIDE);
  const capacity = <usize>load<u32>(graph, G_CAPACITY);
  const query = aligned64(stride << 2) + 2 * aligned64(stride << 1);
  const lists = 2 * aligned64((capacity << 2) + 64) + aligned64((capacity << 3) + 64) + batchBytes(capacity);
  const beam = beamBytes(ef) + beamBytes(SOURCES);
  return HEADER + query + beam + lists + 3 * bitBytes(rows);
}

/** Bytes of a beam with room for `ef` keys and one more; that of a short walk fits, too. */
function beamBytes(ef: u32): usize {
  return aligned64((<usize>max(ef, SOURCES) << 3) + 64);
}

/** Bytes of a batch: what a list and those of its nodes add, when it was twice a list's length before. */
function batchBytes(capacity: usize): usize {
  return aligned64(12 * capacity + 64);
}

/** Bytes of a bit a row. */
function bitBytes(rows: u32): usize {
  return aligned64((<usize>rows + 7) >> 3);
}

/** Lays a walker out; its bytes may hold anything. */
export function initWalker(walker: usize, graph: usize, rows: u32, ef: u32): void {
  const stride = <usize>load<u32>(graph, G_STRIDE);
  const capacity = <usize>load<u32>(graph, G_CAPACITY);
  const listBytes = aligned64((capacity << 2) + 64);
  let place = walker + HEADER;
  store<u32>(walker, <u32>place, W_FLOATS);
  place += aligned64(stride << 2);
  store<u32>(walker, <u32>place, W_QUERY);
  place += aligned64(stride << 1);
  store<u32>(walker, <u32>place, W_OTHER);
  place += aligned64(stride << 1);
  store<u32>(walker, <u32>place, W_BEAM);
  place += beamBytes(ef);
  store<u32>(walker, <u32>place, W_SOURCES);
  place += beamBytes(SOURCES);
  store<u32>(walker, <u32>place, W_BATCH);
  place += batchBytes(capacity);
  store<u32>(walker, <u32>place, W_SELECTED);
  place += 2 * listBytes;
  store<u32>(walker, <u32>place, W_MERGE);
  place += aligned64((capacity << 3) + 64);
  store<u32>(walker, <u32>place, W_VISITED);
  store<u32>(walker, <u32>bitBytes(rows), W_VISITED_BYTES);
  place += bitBytes(rows);
  store<u32>(walker, <u32>place, W_MASK);
  place += bitBytes(rows);
  store<u32>(walker, <u32>place, W_MAYBE);
  store<u32>(walker, ef, W_EF_MAX);
}

/** Makes the int16 query of the float32 one: as fine as sums in int32 allow. */
export function beginQuery(graph: usize, walker: usize): void {
  const dim = <usize>load<u32>(graph, G_DIM);
  const stride = <usize>load<u32>(graph, G_STRIDE);
  const centre = <usize>load<u32>(graph, G_CENTRE);
  const floats = <usize>load<u32>(walker, W_FLOATS);
  const query = <usize>load<u32>(walker, W_QUERY);
  const isL2 = load<i32>(graph, G_SPACE) == L2;
  store<u32>(walker, 0, W_SCORED);
  if (isFloatSpace(load<i32>(graph, G_SPACE))) {
    memory.copy(query, floats, dim << 2);
    memory.fill(query + (dim << 2), 0, stride - (dim << 2));
    store<i32>(walker, FLOAT_MARGIN, W_MARGIN);
    return;
  }
  let largest: f64 = 0;
  let sum: f64 = 0;
  for (let i: usize = 0; i < dim; i++) {
    let x = load<f32>(floats + (i << 2));
    if (isL2) x -= load<f32>(centre + (i << 2));
    const size = Math.abs(<f64>x);
    largest = Math.max(largest, size);
    sum += size;
  }
  // |dot product| <= 127 * sum / unit stays below 2^30.
  let unit = Math.max(largest / 32767, sum * (127.0 / 1000000000));
  const scale = <f64>load<f32>(graph, G_SCALE);
  let share: f64 = 0;
  if (isL2) {
    unit = Math.max(unit, scale * <f64>load<i32>(graph, G_NORM_MAX) / 2000000000);
    share = unit > 0 ? scale / (2 * unit) : 1;
  }
  const steps = unit > 0 ? 1 / unit : 0;
  let square: f64 = 0;
  for (let i: usize = 0; i < dim; i++) {
    let x = load<f32>(floats + (i << 2));
    if (isL2) x -= load<f32>(centre + (i << 2));
    const step = <i32>nearest<f64>(<f64>x * steps);
    store<i16>(query + (i << 1), <i16>max(-32767, min(32767, step)));
    square += <f64>step * <f64>step;
  }
  for (let i = dim; i < stride; i++) store<i16>(query + (i << 1), 0);
  store<f32>(walker, <f32>share, W_NORM_SHARE);
  store<i32>(walker, <i32>(CODE_MARGIN * Math.sqrt(square)), W_MARGIN);
}

// @ts-ignore: decorator
@inline
export function hasBit(bits: usize, row: u32): bool {
  return ((load<u32>(bits + (<usize>(row >> 5) << 2)) >> (row & 31)) & 1) != 0;
}

export function clearVisited(walker: usize): void {
  const visited = <usize>load<u32>(walker, W_VISITED);
  const end = visited + load<u32>(walker, W_VISITED_BYTES);
  const none = i32x4.splat(0);
  for (let place = visited; place < end; place += 64) {
    v128.store(place, none);
    v128.store(place, none, 16);
    v128.store(place, none, 32);
    v128.store(place, none, 48);
  }
}

// @ts-ignore: decorator
@inline
export function markVisited(walker: usize, row: u32): void {
  const word = <usize>load<u32>(walker, W_VISITED) + (<usize>(row >> 5) << 2);
  store<u32>(word, load<u32>(word) | (1 << (row & 31)));
}

/** Where the host puts the mask. */
export function maskPlace(walker: usize): usize {
  return load<u32>(walker, W_MASK);
}
