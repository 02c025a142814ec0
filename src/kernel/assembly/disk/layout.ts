/**
 * Where do codes, frontiers and blocks of an index on disk lie in memory?
 *
 * A *table* describes the codes of all nodes. A *frontier* is one search in progress: the best nodes seen so far, which
 * nodes were seen, and the query in the form that codes are compared with. A *block* is what is read from the file at
 * once: a header and nodes of one size, each a vector, its row number and its neighbours. Headers hold absolute
 * addresses, so they are made for one memory.
 */

// Table header.
/** i32 how nodes are coded: `SQ8`, `PQ` or `SQ4`. */
export const T_KIND: usize = 0;
export const T_DIM: usize = 4;
/** u32 bytes of a node's code. */
export const T_STRIDE: usize = 8;
/** u32 address of the codes. */
export const T_CODES: usize = 12;
/** u32 address of two float32 a node: scale s, and s²·|c|² (SQ8) or the square of what was coded (SQ4). */
export const T_SCALARS: usize = 16;
/** u32 address of the centre, float32, zeros beyond the dimension. */
export const T_CENTRE: usize = 20;
/**
 * f32 M², the square of the largest norm, where vectors have one more component for inner products; 0: they have not.
 */
export const T_SQUARE_MAX: usize = 24;
/** u32 address of the code book of PQ (256 · `T_WIDTH` float32 a subspace), and u32 components of a subspace. */
export const T_BOOK: usize = 28;
export const T_WIDTH: usize = 32;
/** u32 address of the neighbours while a graph is built: a count and `T_SLOTS` nodes each. */
export const T_LINKS: usize = 36;
export const T_SLOTS: usize = 40;
/** u32 nodes. */
export const T_COUNT: usize = 44;
/** i32 metric as the scan kernel counts them. */
export const T_METRIC: usize = 48;
/** u32 addresses of the row of each node and the node of each row; `NO_NODE` where a row was left out. */
export const T_ROWS: usize = 52;
export const T_NODES: usize = 56;
/** u32 address of what walks begin with. */
export const T_ENTRIES: usize = 60;
export const TABLE_BYTES: usize = 64;

export const SQ8: i32 = 0;
export const PQ: i32 = 1;
export const SQ4: i32 = 2;
export const NO_NODE: u32 = 0xffffffff;

// Frontier header.
export const F_TABLE: usize = 0;
/** u32 address of the entries, best first: f32 estimate, u32 node. */
export const F_LIST: usize = 4;
export const F_COUNT: usize = 8;
export const F_CAPACITY: usize = 12;
/** u32 entries before this one need no look any more. */
export const F_NEXT: usize = 16;
/** u32 address of one bit a node: seen. */
export const F_SEEN: usize = 20;
/** u32 address of the query's int16 codes (SQ8, SQ4) or of its float32 products with the code book (PQ). */
export const F_QUERY: usize = 24;
/** f32 weights of an estimate: base + weight·s²|c|² + factor·s·(q·c), and (extra − F_EXTRA)² where `F_HAS_EXTRA`. */
export const F_BASE: usize = 28;
export const F_WEIGHT: usize = 32;
export const F_FACTOR: usize = 36;
export const F_EXTRA: usize = 40;
export const F_HAS_EXTRA: usize = 44;
/** u32 address of nodes that wait to be scored, and their number. */
export const F_FRESH: usize = 48;
export const F_FRESH_COUNT: usize = 52;
/** u32 codes looked at. */
export const F_SCORED: usize = 56;
/** u32 address of nodes whose bits in `F_SEEN` are set, their number, and the room for them. */
export const F_TOUCHED: usize = 60;
export const F_TOUCHED_COUNT: usize = 64;
export const F_TOUCHED_CAPACITY: usize = 68;
/** u32 address of one bit a block: absorbed. */
export const F_ABSORBED: usize = 72;
/** u32 address of the query state of the scan kernel, with the heap of the best rows. */
export const F_STATE: usize = 76;
/** u32 address of one bit a row: may be returned; 0: all. */
export const F_MASK: usize = 80;
/** u32 rows from here on are not returned. */
export const F_ROW_LIMIT: usize = 84;
/** u32 address of a block header of the scan kernel through which a vector is scored. */
export const F_VIEW: usize = 88;
/** u32 nodes of a block, and bytes of a node. */
export const F_BLOCK_NODES: usize = 92;
export const F_NODE_BYTES: usize = 96;
/** i32 fifteen times the sum of the query's codes (SQ4). */
export const F_OFFSET: usize = 100;
export const FRONTIER_BYTES: usize = 128;

/** Nodes scored together wait in a list of this many at most. */
export const FRESH_MAX: u32 = 512;
/** Room for that list, filled up to a multiple of four; the leaders that a walk begins at lie behind it. */
export const FRESH_ROOM: u32 = FRESH_MAX + 4;
/** Leaders whose entries a walk begins with. */
export const PROBES: u32 = 16;
export const FRESH_BYTES: usize = (<usize>FRESH_ROOM + PROBES) << 2;

// Block header, as in the file.
/** u32 CRC-32 of the block from byte 4 on, u32 its number, u32 nodes in it, u32 salt of its file. */
export const BLOCK_NUMBER: usize = 4;
export const BLOCK_COUNT: usize = 8;
export const BLOCK_HEADER: usize = 16;

/** Set in a node's count of neighbours while one thread changes them. */
export const LOCKED: u32 = 0x80000000;
/** Set in an entry of a frontier that was expanded, where blocks do not tell. */
export const EXPANDED: u32 = 0x80000000;

// @ts-ignore: decorator
@inline
export function codeOf(table: usize, node: u32): usize {
  return <usize>load<u32>(table, T_CODES) + <usize>node * load<u32>(table, T_STRIDE);
}

// @ts-ignore: decorator
@inline
export function hasBit(bits: usize, index: u32): bool {
  return <bool>((load<u32>(bits + (<usize>(index >> 5) << 2)) >>> (index & 31)) & 1);
}

// @ts-ignore: decorator
@inline
export function setBit(bits: usize, index: u32): void {
  const word = bits + (<usize>(index >> 5) << 2);
  store<u32>(word, load<u32>(word) | (1 << (index & 31)));
}
