/**
 * Where does a graph lie in memory?
 *
 * A graph has a header with the table of its slabs. A slab holds a power of two of rows and never moves, so that rows
 * can be added while others walk: the codes of all its rows, their lists of neighbours on level 0, and a few numbers a
 * row; lists on upper levels, which one row in m has, stand at its end. A list is full of row numbers from its begin;
 * the first `NONE` ends it. A row's level follows from its number and the seed, so that nobody has to keep it.
 *
 * Rows whose codes are equal share one node: the first of them stands in the graph, the others form a chain from it.
 * Only this folder knows the layout: the host asks for sizes and places through the functions exported here.
 */

/** Ends a list of neighbours. */
export const NONE: u32 = 0xffffffff;
/** In a chain: no more rows. */
export const CHAIN_END: u32 = 0x7fffffff;
/** In a chain: the row is no node of the graph itself. */
export const NO_NODE: u32 = 0x80000000;
/** Instead of a chain: the row is in no chain either. */
export const LEFT_OUT: u32 = 0xfffffffe;

// Graph header.
export const G_DIM: usize = 0;
/** u32 bytes of a row's code, a multiple of 16. */
export const G_STRIDE: usize = 4;
/** u32 places of a list on upper levels and on level 0. */
export const G_M: usize = 8;
export const G_CAPACITY: usize = 12;
/** u32: a slab holds 2^shift rows, 128 at least. */
export const G_SHIFT: usize = 16;
/**
 * u32 places in a slab: lists, squared norms of codes (i32), chains (u32), addresses of upper lists (u32), upper lists,
 * a bit for each node with a chain.
 */
export const G_LISTS: usize = 20;
export const G_NORMS: usize = 24;
export const G_CHAINS: usize = 28;
export const G_UPPERS: usize = 32;
export const G_POOL: usize = 36;
export const G_SEED: usize = 40;
export const G_CHAINED: usize = 44;
/** u32 the node where walks begin; `NONE` in an empty graph. Its level is the top one. */
export const G_ENTRY: usize = 48;
/** f32 what one step of a code stands for. */
export const G_SCALE: usize = 52;
/** i32 the greatest squared norm of a code. */
export const G_NORM_MAX: usize = 56;
/** i32 the space: `IP` and so on. */
export const G_SPACE: usize = 60;
/** u32 address of the centre, float32, as many as the code has bytes. */
export const G_CENTRE: usize = 64;
/** u32: 1 where nodes are linked by their inner products, 0 where by the distances of their codes. */
export const G_IS_BY_DOT: usize = 72;
/** u32 lock of the entry. */
export const G_ENTRY_LOCK: usize = 68;
/** u32 locks of the nodes, shared by those with the same remainder. */
export const G_LOCKS: usize = 128;
export const LOCK_COUNT: u32 = 1024;
/** u32 addresses of the slabs. */
export const G_SLABS: usize = G_LOCKS + 4 * <usize>LOCK_COUNT;
export const SLAB_COUNT_MAX: u32 = 4096;
const HEADER: usize = G_SLABS + 4 * <usize>SLAB_COUNT_MAX;

// Spaces: rows are int8 codes under the first three, float32 under the others.
export const IP: i32 = 0;
export const L2: i32 = 1;
export const COS: i32 = 2;
export const FLOAT_L2: i32 = 3;
export const FLOAT_L1: i32 = 4;
export const FLOAT_MAX: i32 = 5;

// What walks compare, as types: a loop that is generic over them is compiled once for each; `sizeof` tells them apart.
/** Dot products of codes. */
export type Dot = i8;
/** Squared distances of codes. */
export type CodeDistance = i16;
/** Squared, absolute and greatest distances of float32 components. */
export type Squared = i32;
export type Absolute = i64;
export type Greatest = v128;

/** True where rows are int8 codes. */
// @ts-ignore: decorator
@inline
export function isCode<K>(): bool {
  return sizeof<K>() <= 2;
}

/** True where dot products are compared. */
// @ts-ignore: decorator
@inline
export function isDot<K>(): bool {
  return sizeof<K>() == sizeof<Dot>();
}

/** True where rows of a space are float32. */
export function isFloatSpace(space: i32): bool {
  return space >= FLOAT_L2;
}

// @ts-ignore: decorator
@inline
export function padded16(dim: usize): usize {
  return (dim + 15) & ~15;
}

// @ts-ignore: decorator
@inline
function aligned64(bytes: usize): usize {
  return (bytes + 63) & ~63;
}

/** Bytes of a graph's header with its centre. */
export function graphBytes(dim: u32): usize {
  return aligned64(HEADER) + aligned64(4 * padded16(dim));
}

/** Bytes of a row's code or of its float32 components. */
export function rowBytes(dim: u32, space: i32): usize {
  return isFloatSpace(space) ? (4 * <usize>dim + 15) & ~15 : padded16(dim);
}

/** Writes the header of an empty graph. */
export function initGraph(graph: usize, dim: u32, space: i32, m: u32, shift: u32, seed: u32): void {
  const rows: usize = 1 << shift;
  const stride = rowBytes(dim, space);
  const lists = aligned64(stride * rows);
  const norms = lists + aligned64(8 * <usize>m * rows);
  const perRow = aligned64(4 * rows);
  store<u32>(graph, dim, G_DIM);
  store<u32>(graph, <u32>stride, G_STRIDE);
  store<u32>(graph, m, G_M);
  store<u32>(graph, 2 * m, G_CAPACITY);
  store<u32>(graph, shift, G_SHIFT);
  store<u32>(graph, <u32>lists, G_LISTS);
  store<u32>(graph, <u32>norms, G_NORMS);
  store<u32>(graph, <u32>(norms + perRow), G_CHAINS);
  store<u32>(graph, <u32>(norms + 2 * perRow), G_UPPERS);
  store<u32>(graph, <u32>(norms + 3 * perRow), G_CHAINED);
  store<u32>(graph, <u32>(norms + 3 * perRow + aligned64(rows >> 3)), G_POOL);
  store<u32>(graph, seed, G_SEED);
  store<u32>(graph, NONE, G_ENTRY);
  store<f32>(graph, 1, G_SCALE);
  store<i32>(graph, 0, G_NORM_MAX);
  store<i32>(graph, space, G_SPACE);
  store<u32>(graph, <u32>(graph + aligned64(HEADER)), G_CENTRE);
}

/** Level of a row: that of `random < m^-level`. */
export function levelOf(graph: usize, row: u32): u32 {
  let hash = (row + 1) * 0x9e3779b1 ^ load<u32>(graph, G_SEED);
  hash = (hash ^ (hash >> 16)) * 0x85ebca6b;
  hash = (hash ^ (hash >> 13)) * 0xc2b2ae35;
  hash ^= hash >> 16;
  const m = load<u32>(graph, G_M);
  let level: u32 = 0;
  for (let limit: u32 = 0xffffffff / m; hash < limit; limit /= m) level++;
  return level;
}

/** Bytes of the slab that begins with `row`. */
export function slabBytes(graph: usize, row: u32): usize {
  let levels: usize = 0;
  const end = row + (<u32>1 << load<u32>(graph, G_SHIFT));
  for (let i = row; i < end; i++) levels += levelOf(graph, i);
  return aligned64(load<u32>(graph, G_POOL) + (levels << 2) * load<u32>(graph, G_M));
}

/** Takes a slab over: `slab` has the bytes that `slabBytes` told. */
export function addSlab(graph: usize, row: u32, slab: usize): void {
  const shift = load<u32>(graph, G_SHIFT);
  const rows: u32 = 1 << shift;
  const uppers = slab + load<u32>(graph, G_UPPERS);
  const levelBytes = <usize>load<u32>(graph, G_M) << 2;
  let place = slab + load<u32>(graph, G_POOL);
  for (let i: u32 = 0; i < rows; i++) {
    const level = levelOf(graph, row + i);
    store<u32>(uppers + (<usize>i << 2), level > 0 ? <u32>place : 0);
    place += levelBytes * level;
  }
  store<u32>(graph + G_SLABS + (<usize>(row >> shift) << 2), <u32>slab);
}

/** Address of a row's slab. */
// @ts-ignore: decorator
@inline
export function slabOf(graph: usize, row: u32): usize {
  return load<u32>(graph + G_SLABS + (<usize>(row >> load<u32>(graph, G_SHIFT)) << 2));
}

/** A row's place in its slab. */
// @ts-ignore: decorator
@inline
function indexOf(graph: usize, row: u32): usize {
  return row & ((1 << load<u32>(graph, G_SHIFT)) - 1);
}

// @ts-ignore: decorator
@inline
export function codeOf(graph: usize, row: u32): usize {
  return slabOf(graph, row) + indexOf(graph, row) * load<u32>(graph, G_STRIDE);
}

// @ts-ignore: decorator
@inline
export function normPlace(graph: usize, row: u32): usize {
  return slabOf(graph, row) + load<u32>(graph, G_NORMS) + (indexOf(graph, row) << 2);
}

// @ts-ignore: decorator
@inline
export function chainPlace(graph: usize, row: u32): usize {
  return slabOf(graph, row) + load<u32>(graph, G_CHAINS) + (indexOf(graph, row) << 2);
}

/** Marks a node as one with a chain. */
export function markChained(graph: usize, row: u32): void {
  const index = indexOf(graph, row);
  const word = slabOf(graph, row) + load<u32>(graph, G_CHAINED) + ((index >> 5) << 2);
  store<u32>(word, load<u32>(word) | (1 << (<u32>index & 31)));
}

/** Address of a row's list of neighbours on a level that it has. */
// @ts-ignore: decorator
@inline
export function listOf(graph: usize, row: u32, level: u32): usize {
  const slab = slabOf(graph, row);
  const index = indexOf(graph, row);
  if (level == 0) return slab + load<u32>(graph, G_LISTS) + index * 4 * load<u32>(graph, G_CAPACITY);
  return load<u32>(slab + load<u32>(graph, G_UPPERS) + (index << 2)) + (level - 1) * 4 * load<u32>(graph, G_M);
}

/** Places of a list. */
// @ts-ignore: decorator
@inline
export function capacityOf(graph: usize, level: u32): u32 {
  return level == 0 ? load<u32>(graph, G_CAPACITY) : load<u32>(graph, G_M);
}

/** True where a row stands in the graph itself: it was neither left out nor joined to a node with the same code. */
// @ts-ignore: decorator
@inline
export function isNode(graph: usize, row: u32): bool {
  return (load<u32>(chainPlace(graph, row)) & NO_NODE) == 0;
}

/** Address of the centre. */
export function centrePlace(graph: usize): usize {
  return load<u32>(graph, G_CENTRE);
}

/** The node where walks begin; 2^32 − 1 in an empty graph. */
export function entryOf(graph: usize): u32 {
  return atomic.load<u32>(graph, G_ENTRY);
}

export function setEntry(graph: usize, row: u32): void {
  atomic.store<u32>(graph, row, G_ENTRY);
}

export function setScale(graph: usize, scale: f32): void {
  store<f32>(graph, scale, G_SCALE);
}

export function isByDot(graph: usize): bool {
  return load<u32>(graph, G_IS_BY_DOT) != 0;
}

export function setByDot(graph: usize, isSet: bool): void {
  store<u32>(graph, <u32>isSet, G_IS_BY_DOT);
}

export function scaleOf(graph: usize): f32 {
  return load<f32>(graph, G_SCALE);
}
