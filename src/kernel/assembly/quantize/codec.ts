/**
 * What does a compressed row look like, and where does everything lie?
 *
 * Rows lie in blocks of 32: codes, then up to three float32 scalars a row, then row numbers where the block is one of an
 * inverted list. The estimate of a row's score (higher is better) is
 *   base + add + mul · (alpha · sum + beta)
 * with `sum` over its codes, alpha and beta of the query, base of the query and the list; `error` times the distance of
 * the query from the list's centre bounds the error. Kinds of codes, for component i and lane l of a block:
 *   FLOAT    float32, 128 i + 4 l
 *   INT8     int8, pairs of components side by side: 64 (i >> 1) + 2 l + (i & 1)
 *   TABLES   four bits each, an entry of a table of sixteen: byte 16 t + (l & 15), low half for l < 16
 *   PRODUCT  byte 32 m + l, an entry of a codebook of 256
 * A codec is described by a header in memory that all threads read.
 */
export const FLOAT: u32 = 0;
export const INT8: u32 = 1;
export const TABLES: u32 = 2;
export const PRODUCT: u32 = 3;

/** Metrics, numbered as in the scan module. `COS` means: rows and query were scaled to length 1. */
export const IP: u32 = 0;
export const L2: u32 = 1;
export const COS: u32 = 2;

// Header of a codec: u32 unless said otherwise.
export const C_KIND: usize = 0;
export const C_METRIC: usize = 4;
/** Components of a row, and after the rotation. */
export const C_DIM: usize = 8;
export const C_WIDTH: usize = 12;
export const C_BLOCK_BYTES: usize = 16;
/** Offsets in a block; 0: none. */
export const C_MUL: usize = 20;
export const C_ADD: usize = 24;
export const C_ERROR: usize = 28;
export const C_ROWS: usize = 32;
/** Address of the signs of the rotation; 0: none. */
export const C_ROTATION: usize = 36;
/** Address of ascending levels of a component, float32; 0: none (INT8 takes the whole range of a row). */
export const C_LEVELS: usize = 40;
export const C_LEVEL_COUNT: usize = 44;
/** Tables of sixteen, and components that share one. */
export const C_TABLES: usize = 48;
export const C_TOGETHER: usize = 52;
/** Codebook of PRODUCT in blocks of float32, halves of its squares, subspaces and their width. */
export const C_CODEBOOK: usize = 56;
export const C_CODE_HALVES: usize = 60;
export const C_SUBSPACES: usize = 64;
export const C_SUB_DIM: usize = 68;
/** Addresses of the centres that rows are coded relative to, row-major, `dim` apart, and rotated, `width` apart; 0: none. */
export const C_CENTRES: usize = 72;
export const C_ROTATED: usize = 76;
/** f32 times that the standard error is taken for the bound. */
export const C_EPSILON: usize = 80;
/** Bytes of a row's codes before they are placed in a block, and of the whole record with its three scalars. */
export const C_CODE_BYTES: usize = 84;
export const C_RECORD_BYTES: usize = 88;
/** Offsets in a block of int8 codes that follow up promising rows, row by row, and of their mul and add; 0: none. */
export const C_FINE: usize = 92;
export const C_FINE_MUL: usize = 96;
export const C_FINE_ADD: usize = 100;
export const CODEC_BYTES: usize = 128;

/** Bytes of a row's codes that follow up. */
// @ts-ignore: decorator
@inline
export function fineBytes(codec: usize): usize {
  return <usize>((load<u32>(codec, C_WIDTH) + 15) & ~15);
}

// Header of a chunk, a run of blocks.
/** u32 address of the list's next chunk; 0: none yet. */
export const K_NEXT: usize = 0;
/** u32 rows that fit, a multiple of 32. */
export const K_CAPACITY: usize = 4;
/** u32 rows there are. */
export const K_COUNT: usize = 8;
/** u32 number of the first row, where rows have no numbers of their own. */
export const K_FIRST_ROW: usize = 12;
export const CHUNK_HEADER: usize = 64;

// Entry of the directory of lists.
export const D_HEAD: usize = 0;
export const D_TAIL: usize = 4;
export const D_COUNT: usize = 8;
export const D_BYTES: usize = 16;

/** Components of a row's residual that are padded with zeros, in bytes of float32, whole vectors of four. */
// @ts-ignore: decorator
@inline
export function widthBytes(codec: usize): usize {
  return ((<usize>load<u32>(codec, C_WIDTH) + 3) & ~3) << 2;
}
