/**
 * Where does everything lie in memory?
 *
 * A block holds a power of two of rows: header, rows as stored, int8 codes, and four float32 scalars a row as four arrays.
 * A query state holds one search in progress: header, the query as float32, float64 and int16 codes, and the heap of the
 * best rows. Offsets inside a state are relative to it, so that its bytes can move to another memory. Only this folder knows
 * the layout: the host asks for sizes and places through the functions exported here.
 */

// Metrics and dtypes as numbers; the host's `kernel-module.ts` names them the same way.
export const IP: i32 = 0;
export const L2: i32 = 1;
export const COS: i32 = 2;
export const FLOAT32: i32 = 0;
export const FLOAT16: i32 = 1;

// Block header.
/** u32 address of the rows as stored, `rowStride` bytes each. */
export const B_ROWS: usize = 0;
/** u32 address of the int8 codes, `codeStride` bytes each. */
export const B_CODES: usize = 4;
/** u32 address of the scales s: the code c stands for centre + s·c. */
export const B_SCALE: usize = 8;
/** u32 address of the residual norms r, an upper bound of |x − centre − s·c|. */
export const B_RESIDUAL: usize = 12;
/** u32 address of the code norms n = s·|c|. */
export const B_CODE_NORM: usize = 16;
/** u32 address of the row norms |x|; `ZERO_NORM` for an all-zero row, NaN outside the range in which bounds hold. */
export const B_NORM: usize = 20;
/** u32 address of the centre, `dim4` float32. */
export const B_CENTRE: usize = 24;
/** u32 number of the block's first row in the table. */
export const B_FIRST_ROW: usize = 28;
export const B_DIM: usize = 32;
export const B_DTYPE: usize = 36;
export const B_ROW_STRIDE: usize = 40;
export const B_CODE_STRIDE: usize = 44;
export const BLOCK_HEADER: usize = 64;

// Query state header.
export const Q_METRIC: usize = 0;
export const Q_DIM: usize = 4;
/** u32 capacity and fill of the heap. */
export const Q_K: usize = 8;
export const Q_COUNT: usize = 12;
/** u32 rows scored in float64, and those of them that entered the heap. */
export const Q_RESCORED: usize = 16;
export const Q_ENTERED: usize = 20;
/** u32 places, relative to the state. */
export const Q_FLOAT64: usize = 24;
export const Q_CODES: usize = 28;
export const Q_HEAP_SCORES: usize = 32;
export const Q_HEAP_ROWS: usize = 36;
/** u32 address of the centre that the block constants were made for. */
export const Q_CENTRE: usize = 40;
/** f64 score that a row has to pass, least score that counts, |q|² and |q|. */
export const Q_TAU: usize = 48;
export const Q_FLOOR: usize = 56;
export const Q_SQUARE: usize = 64;
export const Q_NORM: usize = 72;
/** f64 scale of the query's codes and the norm of what they leave out. */
export const Q_SCALE: usize = 80;
export const Q_CODE_ERROR: usize = 88;
/** f64 q·centre with the slack of the sum (ip, cos). */
export const Q_OFFSET: usize = 96;
/** f32 constants of the int8 bound, see `bounds.ts`. */
export const Q_C0: usize = 104;
export const Q_C1: usize = 108;
export const Q_C2: usize = 112;
export const Q_INT8_LIMIT: usize = 116;
/** f32 constants of the float bound. */
export const Q_F0: usize = 120;
export const Q_FLOAT_LIMIT: usize = 124;
export const STATE_HEADER: usize = 128;

/** Norm kept for an all-zero row: far above any other, so that the cosine bound sees the sign of the limit only. */
export const ZERO_NORM: f32 = 3e38;

/** Components rounded up to whole groups of four, as rows are padded. */
// @ts-ignore: decorator
@inline
export function padded4(dim: i32): usize {
  return <usize>((dim + 3) & ~3);
}

/** Components rounded up to whole groups of sixteen, as codes are padded. */
// @ts-ignore: decorator
@inline
export function padded16(dim: i32): usize {
  return <usize>((dim + 15) & ~15);
}

// @ts-ignore: decorator
@inline
function aligned64(bytes: usize): usize {
  return (bytes + 63) & ~63;
}

/** Bytes from one stored row to the next. */
export function rowStride(dim: i32, dtype: i32): usize {
  return padded4(dim) << (dtype == FLOAT16 ? 1 : 2);
}

/** Bytes of one row's codes and scalars. */
export function codeBytesPerRow(dim: i32): usize {
  return padded16(dim) + 16;
}

/** Bytes of a block of `rows` rows; its address must be a multiple of 64. */
export function blockBytes(dim: i32, dtype: i32, rows: i32): usize {
  const count = <usize>rows;
  return BLOCK_HEADER + aligned64(rowStride(dim, dtype) * count) + aligned64(padded16(dim) * count) + 16 * count;
}

/** Bytes of a centre: `dim4` float32. */
export function centreBytes(dim: i32): usize {
  return aligned64(padded4(dim) << 2);
}

/** Bytes of a query state with a heap of `k` rows; its address must be a multiple of 64. */
export function stateBytes(dim: i32, k: i32): usize {
  return aligned64(STATE_HEADER + padded4(dim) * 12 + padded16(dim) * 2 + <usize>k * 12 + 64);
}

/** Writes the header of a block of `rows` rows whose first one is the table's row `firstRow`. */
export function initBlock(block: usize, dim: i32, dtype: i32, rows: i32, firstRow: u32, centre: usize): void {
  const count = <usize>rows;
  const stride = rowStride(dim, dtype);
  const stored = block + BLOCK_HEADER;
  const codes = stored + aligned64(stride * count);
  const scalars = codes + aligned64(padded16(dim) * count);
  store<u32>(block, <u32>stored, B_ROWS);
  store<u32>(block, <u32>codes, B_CODES);
  store<u32>(block, <u32>scalars, B_SCALE);
  store<u32>(block, <u32>(scalars + 4 * count), B_RESIDUAL);
  store<u32>(block, <u32>(scalars + 8 * count), B_CODE_NORM);
  store<u32>(block, <u32>(scalars + 12 * count), B_NORM);
  store<u32>(block, <u32>centre, B_CENTRE);
  store<u32>(block, firstRow, B_FIRST_ROW);
  store<i32>(block, dim, B_DIM);
  store<i32>(block, dtype, B_DTYPE);
  store<u32>(block, <u32>stride, B_ROW_STRIDE);
  store<u32>(block, <u32>padded16(dim), B_CODE_STRIDE);
}

/** Address of a block's stored rows. */
export function blockRows(block: usize): usize {
  return load<u32>(block, B_ROWS);
}

/** Address of a block's centre. */
export function blockCentre(block: usize): usize {
  return load<u32>(block, B_CENTRE);
}

/** Address where the host puts the query as float32, before `beginQuery`. */
export function queryPlace(state: usize): usize {
  return state + STATE_HEADER;
}

/** Address of the heap's scores, float64; `endQuery` has sorted them. */
export function resultScores(state: usize): usize {
  return state + load<u32>(state, Q_HEAP_SCORES);
}

/** Address of the heap's rows, uint32. */
export function resultRows(state: usize): usize {
  return state + load<u32>(state, Q_HEAP_ROWS);
}

/** Rows in the heap. */
export function resultCount(state: usize): u32 {
  return load<u32>(state, Q_COUNT);
}

/** Rows scored in float64 so far. */
export function rescoredCount(state: usize): u32 {
  return load<u32>(state, Q_RESCORED);
}

/** Rows that were better than the k-th best when they were scored. */
export function enteredCount(state: usize): u32 {
  return load<u32>(state, Q_ENTERED);
}

/** Forgets the constants of a centre: the state has moved to another memory, where the address means nothing. */
export function leaveCentre(state: usize): void {
  store<u32>(state, 0, Q_CENTRE);
}
