/**
 * What does a search in progress keep, and what is made of its query?
 *
 * A state is a header, the sums of one block, the query (row-major float32), its rotation, its tables, and the shortlists of
 * rows and of lists. The host writes the query and the header's inputs; `prepareQuery` makes the rest.
 */
import {
  C_CODEBOOK,
  C_DIM,
  C_FINE,
  C_KIND,
  C_LEVELS,
  C_METRIC,
  C_ROTATION,
  C_SUBSPACES,
  C_SUB_DIM,
  C_TABLES,
  C_TOGETHER,
  C_WIDTH,
  COS,
  fineBytes,
  INT8,
  L2,
  PRODUCT,
  TABLES,
  widthBytes,
} from "./codec";
import { dotBlock } from "./float-block";
import { normaliseRows, squareOf } from "./nearest";
import { rotate } from "./rotate";
import { initShortlist, shortlistBytes } from "./shortlist";

// Header: u32 unless said otherwise.
export const S_CODEC: usize = 0;
/** Address of the mask; 0: all rows. */
export const S_MASK: usize = 4;
/** Rows from here on do not count. */
export const S_ROW_LIMIT: usize = 8;
/** Addresses of the shortlists of rows and of lists. */
export const S_LIST: usize = 12;
export const S_PROBES: usize = 16;
export const S_QUERY: usize = 20;
export const S_ROTATED: usize = 24;
export const S_TABLES: usize = 28;
/** Address of one float32 a list, by which lists are ranked, least first; then of one byte a list: it was looked at. */
export const S_RANKS: usize = 32;
/** f32 constants of the estimate, see codec.ts; `reach` is the distance of the query from the centre. */
export const S_ALPHA: usize = 36;
export const S_BETA: usize = 40;
export const S_BASE: usize = 44;
export const S_REACH: usize = 48;
/** Rows whose codes were summed, rows among them that may be returned, lists looked at. */
export const S_SCORED: usize = 52;
export const S_MATCHED: usize = 56;
export const S_PROBED: usize = 60;
/** f64 |q|². */
export const S_SQUARE: usize = 64;
/** Rows that must be met, and lists to look at first. */
export const S_ENOUGH: usize = 72;
export const S_NPROBE: usize = 76;
/** Address of the query as int16 for codes that follow up, f32 what a unit of their sums counts, f32 share of the bound. */
export const S_FINE_QUERY: usize = 80;
export const S_FINE_ALPHA: usize = 84;
export const S_FINE_SHARE: usize = 88;
/** u32 place for a sum that nobody reads. */
export const S_TOUCHED: usize = 92;
/** 32 float32 sums. */
export const S_SUMS: usize = 128;
const STATE_HEADER: usize = 256;
/** Share of the row's error bound within which a row is followed up: 1.9 standard errors would be all of it. */
const FINE_SHARE: f32 = 0.45;

// @ts-ignore: decorator
@inline
function aligned(bytes: usize): usize {
  return (bytes + 63) & ~63;
}

function tableBytes(codec: usize): usize {
  const kind = load<u32>(codec, C_KIND);
  // Byte tables after the float32 ones that they are made of.
  if (kind == TABLES) return <usize>load<u32>(codec, C_TABLES) * 80 + 2 * fineBytes(codec);
  if (kind == INT8) return <usize>load<u32>(codec, C_WIDTH) << 1;
  if (kind == PRODUCT) return <usize>load<u32>(codec, C_SUBSPACES) << 10;
  return 0;
}

/** Bytes of a state for shortlists of `wanted` rows and `lists` lists. */
export function stateBytes(codec: usize, wanted: u32, lists: u32): usize {
  const query = aligned(max(widthBytes(codec), <usize>load<u32>(codec, C_DIM) << 2));
  const ranks = lists ? aligned(<usize>((lists + 31) & ~31) * 5) + aligned(shortlistBytes(lists)) : 0;
  return STATE_HEADER + 2 * query + aligned(tableBytes(codec)) + aligned(shortlistBytes(wanted)) + ranks;
}

/** Lays out a state. Returns where the host puts the query. */
export function initState(state: usize, codec: usize, wanted: u32, lists: u32, mask: usize, rowLimit: u32): usize {
  const query = aligned(max(widthBytes(codec), <usize>load<u32>(codec, C_DIM) << 2));
  let place = state + STATE_HEADER;
  store<u32>(state, <u32>codec, S_CODEC);
  store<u32>(state, <u32>mask, S_MASK);
  store<u32>(state, rowLimit, S_ROW_LIMIT);
  store<u32>(state, 0, S_SCORED);
  store<u32>(state, 0, S_MATCHED);
  store<u32>(state, 0, S_PROBED);
  store<u32>(state, <u32>place, S_QUERY);
  store<u32>(state, <u32>(place + query), S_ROTATED);
  place += 2 * query;
  store<u32>(state, <u32>place, S_TABLES);
  place += aligned(tableBytes(codec));
  store<u32>(state, <u32>place, S_LIST);
  initShortlist(place, wanted);
  place += aligned(shortlistBytes(wanted));
  store<u32>(state, <u32>place, S_PROBES);
  store<u32>(state, <u32>(place + aligned(shortlistBytes(lists))), S_RANKS);
  return load<u32>(state, S_QUERY);
}

// @ts-ignore: decorator
@inline
function leastLane(x: v128): f32 {
  return min(
    min(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)),
    min(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)),
  );
}

/** Writes the sixteen sums of one table: the low two bits of an entry within a vector of four, the high two across them. */
// @ts-ignore: decorator
@inline
function fillTable(target: usize, query: usize, levels: usize, together: u32): void {
  if (together == 1) {
    const x = v128.load32_splat(query);
    for (let i: usize = 0; i < 64; i += 16) v128.store(target + i, f32x4.mul(x, v128.load(levels + i)));
    return;
  }
  let within: v128;
  let a: f32, b: f32, c: f32, d: f32;
  if (together == 2) {
    const next = load<f32>(query, 4);
    within = f32x4.mul(v128.load32_splat(query), v128.load(levels));
    a = next * load<f32>(levels);
    b = next * load<f32>(levels, 4);
    c = next * load<f32>(levels, 8);
    d = next * load<f32>(levels, 12);
  } else {
    const low = load<f32>(levels);
    const high = load<f32>(levels, 4);
    const first = f32x4.mul(v128.load32_splat(query), f32x4.replace_lane(f32x4.replace_lane(f32x4.splat(low), 1, high), 3, high));
    const second = f32x4.mul(v128.load32_splat(query, 4), v128.shuffle<f32>(f32x4.splat(low), f32x4.splat(high), 0, 1, 4, 5));
    within = f32x4.add(first, second);
    const x = load<f32>(query, 8);
    const y = load<f32>(query, 12);
    a = low * x + low * y;
    b = high * x + low * y;
    c = low * x + high * y;
    d = high * x + high * y;
  }
  v128.store(target, f32x4.add(within, f32x4.splat(a)));
  v128.store(target, f32x4.add(within, f32x4.splat(b)), 16);
  v128.store(target, f32x4.add(within, f32x4.splat(c)), 32);
  v128.store(target, f32x4.add(within, f32x4.splat(d)), 48);
}

/** Byte tables of the rotated query: one step for all, so that sums of entries are sums of bytes. */
function prepareTables(state: usize, codec: usize, query: usize): void {
  const count = <usize>load<u32>(codec, C_TABLES);
  const together = load<u32>(codec, C_TOGETHER);
  const levels = <usize>load<u32>(codec, C_LEVELS);
  const tables = <usize>load<u32>(state, S_TABLES);
  const floats = tables + (count << 4);
  let range: f32 = 0;
  let least: f32 = 0;
  for (let t: usize = 0; t < count; t++) {
    const place = floats + (t << 6);
    fillTable(place, query + ((t * together) << 2), levels, together);
    let low = v128.load(place);
    let high = low;
    for (let i: usize = 16; i < 64; i += 16) {
      const four = v128.load(place + i);
      low = f32x4.min(low, four);
      high = f32x4.max(high, four);
    }
    const minimum = leastLane(low);
    const maximum = -leastLane(f32x4.neg(high));
    least += minimum;
    range = max(range, maximum - minimum);
    const base = f32x4.splat(minimum);
    for (let i: usize = 0; i < 64; i += 16) v128.store(place + i, f32x4.sub(v128.load(place + i), base));
  }
  const step = range / 255;
  const scale = f32x4.splat(range > 0 ? 255 / range : 0);
  for (let t: usize = 0; t < count; t++) {
    const place = floats + (t << 6);
    const a = i32x4.trunc_sat_f32x4_u(f32x4.nearest(f32x4.mul(v128.load(place), scale)));
    const b = i32x4.trunc_sat_f32x4_u(f32x4.nearest(f32x4.mul(v128.load(place, 16), scale)));
    const c = i32x4.trunc_sat_f32x4_u(f32x4.nearest(f32x4.mul(v128.load(place, 32), scale)));
    const d = i32x4.trunc_sat_f32x4_u(f32x4.nearest(f32x4.mul(v128.load(place, 48), scale)));
    v128.store(tables + (t << 4), i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_u(a, b), i16x8.narrow_i32x4_u(c, d)));
  }
  store<f32>(state, step, S_ALPHA);
  store<f32>(state, least, S_BETA);
}

/** Int16 codes of the query, small enough that no sum of products with int8 codes overflows. Returns what a unit counts. */
function prepareInt16(codec: usize, query: usize, target: usize): f32 {
  const width = <usize>load<u32>(codec, C_WIDTH);
  let largest: f32 = 0;
  for (let i: usize = 0; i < width; i++) largest = max(largest, abs(load<f32>(query + (i << 2))));
  const top = min<f32>(32767, <f32>(16_900_000 / <f64>width));
  const scale = largest > 0 ? <f64>top / <f64>largest : 0;
  for (let i: usize = 0; i < width; i++) {
    store<i16>(target + (i << 1), <i16>nearest(<f64>load<f32>(query + (i << 2)) * scale));
  }
  return <f32>(scale > 0 ? 1 / scale : 0);
}

/** Inner products of the query's parts with all words of the codebook. */
function prepareProducts(state: usize, codec: usize, query: usize): void {
  const dim = load<u32>(codec, C_DIM);
  const subDim = load<u32>(codec, C_SUB_DIM);
  let book = <usize>load<u32>(codec, C_CODEBOOK);
  let target = <usize>load<u32>(state, S_TABLES);
  for (let from: u32 = 0; from < dim; from += subDim) {
    const size = min(subDim, dim - from);
    for (let block: usize = 0; block < 8; block++) {
      dotBlock(query + (<usize>from << 2), book, size, target);
      book += <usize>size << 7;
      target += 128;
    }
  }
}

/** Makes tables and constants of the query at its place. */
export function prepareQuery(state: usize): void {
  const codec = <usize>load<u32>(state, S_CODEC);
  const kind = load<u32>(codec, C_KIND);
  const dim = load<u32>(codec, C_DIM);
  const query = <usize>load<u32>(state, S_QUERY);
  const rotation = <usize>load<u32>(codec, C_ROTATION);
  if (load<u32>(codec, C_METRIC) == COS) normaliseRows(query, 1, dim);
  let rotated = query;
  if (kind == TABLES || kind == INT8) {
    rotated = load<u32>(state, S_ROTATED);
    memory.copy(rotated, query, <usize>dim << 2);
    memory.fill(rotated + (<usize>dim << 2), 0, widthBytes(codec) - (<usize>dim << 2));
    if (rotation) rotate(rotated, load<u32>(codec, C_WIDTH), rotation);
  }
  store<f64>(state, squareOf(query, dim), S_SQUARE);
  store<f32>(state, 1, S_ALPHA);
  store<f32>(state, 0, S_BETA);
  store<f32>(state, 0, S_BASE);
  store<f32>(state, 0, S_REACH);
  if (kind == TABLES) prepareTables(state, codec, rotated);
  else if (kind == INT8) store<f32>(state, prepareInt16(codec, rotated, load<u32>(state, S_TABLES)), S_ALPHA);
  else if (kind == PRODUCT) prepareProducts(state, codec, query);
  store<f32>(state, FINE_SHARE, S_FINE_SHARE);
  if (load<u32>(codec, C_FINE)) {
    const target = load<u32>(state, S_TABLES) + load<u32>(codec, C_TABLES) * 80;
    memory.fill(target, 0, 2 * fineBytes(codec));
    store<u32>(state, target, S_FINE_QUERY);
    store<f32>(state, prepareInt16(codec, rotated, target), S_FINE_ALPHA);
  }
  if (load<u32>(codec, C_METRIC) == L2) {
    store<f32>(state, 2 * load<f32>(state, S_FINE_ALPHA), S_FINE_ALPHA);
    store<f32>(state, 2 * FINE_SHARE, S_FINE_SHARE);
    store<f32>(state, 2 * load<f32>(state, S_ALPHA), S_ALPHA);
    store<f32>(state, 2 * load<f32>(state, S_BETA), S_BETA);
  }
}
