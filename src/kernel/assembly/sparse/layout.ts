/**
 * Where do sparse vectors, their postings and a search lie in memory?
 *
 * A *segment* is up to `SLOTS_MAX` vectors and their postings in one stretch of memory. A *slot* is a vector's place in it.
 * A *list* is one feature's weights of one sign; lists are numbered in ascending order of feature, the positive one first,
 * and vectors name their features by these numbers. What makes a vector dead is its row: `NO_ROW`.
 *
 * A list's weights are codes of 8 bits, rounded away from zero: |w| <= code * max / 255. Where at least one slot in
 * `DENSE_PART` has the feature, the list is one code a slot, 0 where it has not; else slots (u16) and then codes.
 *
 * A *query* has the header and the heap of the scan kernel's state (`scan/layout.ts`). Headers hold absolute addresses.
 */

// Segment header.
/** u32 slots, lists, weights. */
export const G_SLOTS: usize = 0;
export const G_LISTS: usize = 4;
export const G_WEIGHTS: usize = 8;
/** u32 bytes of the number of a list: 2 or 4. */
export const G_WIDTH: usize = 12;
/** u32 address of the row of each slot. */
export const G_ROWS: usize = 16;
/** u32 address of the first weight of each slot, and of the end (u32 each). */
export const G_STARTS: usize = 20;
/** u32 address of the feature of each list (u32). */
export const G_FEATURES: usize = 24;
/** u32 address of what is known of each list, `LIST_BYTES` each. */
export const G_INFO: usize = 28;
/** u32 address of the weights (f32), slot by slot, and of the number of each one's list. */
export const G_VALUES: usize = 32;
export const G_NUMBERS: usize = 36;
/** u32 address of the postings. */
export const G_POSTINGS: usize = 40;
/**
 * u32 address of a hash table of the features, places of as many bytes as the number of a list: 1 + the number of the
 * first list of the feature, 0 where a place is free; and its size less one.
 */
export const G_HASH: usize = 44;
export const G_HASH_MASK: usize = 48;
export const SEGMENT_HEADER: usize = 64;

// A list.
/** u32 address of its postings. */
export const L_PLACE: usize = 0;
/** u16 postings. */
export const L_COUNT: usize = 4;
/** u16 what it is: `NEGATIVE`, `DENSE`. */
export const L_FLAGS: usize = 6;
/** f32 largest magnitude of a weight. */
export const L_MAX: usize = 8;
export const LIST_BYTES: usize = 12;

export const NEGATIVE: u32 = 1;
export const DENSE: u32 = 2;

export const SLOTS_MAX: u32 = 8192;
/** Where a code a slot costs the time of as many postings as are saved; measured. */
export const DENSE_PART: u32 = 6;
export const NO_ROW: u32 = 0xffffffff;

// Query, after what the heap needs.
/** u32 address of the features (u32, ascending) and of their weights (f32); u32 how many. */
export const P_FEATURES: usize = 96;
export const P_WEIGHTS: usize = 100;
export const P_COUNT: usize = 104;
/** u32 address of a sum a slot (u16). */
export const P_SUMS: usize = 108;
/** u32 address of the terms: the lists of a segment that the query meets; u32 how many. */
export const P_TERMS: usize = 112;
export const P_TERM_COUNT: usize = 116;
/** u32 address of a weight (f32) a list, zero where the query has not its feature. */
export const P_TABLE: usize = 120;
/** u32 address of a hash table of the features, and its size less one. */
export const P_HASH: usize = 124;
export const P_HASH_MASK: usize = 128;
/** u32 address of the mask, 0: all rows; u32 rows from here on are left out. */
export const P_MASK: usize = 132;
export const P_ROW_LIMIT: usize = 136;
/** u32 what a sum begins with. */
export const P_BASE: usize = 140;
/** f64 how much of a score one step of a sum is worth. */
export const P_UNIT: usize = 144;
/** u32 address of one bit a slot, and of the histogram of sums. */
export const P_TOUCHED: usize = 152;
export const P_HISTOGRAM: usize = 156;
/** u32 slots that are looked at first, while there are no k rows. */
export const P_WANTED: usize = 160;
/** u32 vectors scored. */
export const P_SCORED: usize = 164;

// A term.
/** u32 address of the postings, and their number. */
export const T_PLACE: usize = 0;
export const T_COUNT: usize = 4;
/** u32 `NEGATIVE` where the products are below zero, `DENSE`. */
export const T_FLAGS: usize = 8;
/** u32 steps that 256 units of a code are worth. */
export const T_FACTOR: usize = 12;
/** f64 what a unit of a code is worth. */
export const T_WORTH: usize = 16;
/** u32 number of the list. */
export const T_LIST: usize = 24;
export const TERM_BYTES: usize = 32;

/** Most terms whose roundings leave the sums their meaning. */
export const SUMMED_TERMS_MAX: u32 = 4096;
/** Sums that share a place of the histogram: 2 to the power of this. */
export const HISTOGRAM_SHIFT: u32 = 6;
export const HISTOGRAM_PLACES: usize = 1024;

// @ts-ignore: decorator
@inline
export function aligned(bytes: usize): usize {
  return (bytes + 63) & ~63;
}

/** Spreads feature ids, which often are neighbours; 20 bits. */
// @ts-ignore: decorator
@inline
export function hashOf(feature: u32): u32 {
  return (feature * 0x9e3779b1) >>> 12;
}
