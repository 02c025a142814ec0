/**
 * Where does everything lie in memory?
 *
 * A block holds a power of two of rows: header, rows as stored, int8 codes in up to four planes (the first quarter of
 * the components of all rows, then the second, ...; see `chunkBytes` for the order inside), and float32 scalars:
 * scale, residual, code norm and first tail of four rows together fill a cache line; the norms and the tails after
 * later planes are arrays. A query state holds one search in progress: header, the query as float32, float64 and
 * int16 codes, and the heap of the best rows. Offsets inside a state are relative to it, so that its bytes can move
 * to another memory. Only this folder knows the layout: the host asks for sizes and places through the functions
 * exported here.
 */

// Metrics and dtypes as numbers; the host's `kernel-module.ts` names them the same way.
export const IP: i32 = 0;
export const L2: i32 = 1;
export const COS: i32 = 2;
export const FLOAT32: i32 = 0;
export const FLOAT16: i32 = 1;

// The same as types: a loop that is generic over them is compiled once for each. `sizeof` tells them apart.
export type Ip = i8;
export type SquaredL2 = i16;
export type Cos = i32;
/** Component types of stored rows. */
export type Single = f32;
export type Half = u16;

// @ts-ignore: decorator
@inline
export function isIp<M>(): bool {
  return sizeof<M>() == sizeof<Ip>();
}

// @ts-ignore: decorator
@inline
export function isL2<M>(): bool {
  return sizeof<M>() == sizeof<SquaredL2>();
}

// @ts-ignore: decorator
@inline
export function isCos<M>(): bool {
  return sizeof<M>() == sizeof<Cos>();
}

/** Bytes of four stored components. */
// @ts-ignore: decorator
@inline
export function fourBytes<E>(): usize {
  return 4 * sizeof<E>();
}

// Block header.
/** u32 address of the rows as stored, `rowStride` bytes each. */
export const B_ROWS: usize = 0;
/** u32 address of the int8 codes, plane by plane. */
export const B_CODES: usize = 4;
/**
 * u32 address of the scalars, 64 bytes for every four rows: four scales s (the code c stands for centre + s·c), four
 * residuals (an upper bound of |x − centre − s·c| + RESIDUAL_SHARE·s·|c|), four code norms n = s·|c|, four first tails.
 */
export const B_SCALARS: usize = 8;
/** Where the other scalars begin in those 64 bytes. */
export const S_RESIDUAL: usize = 16;
export const S_CODE_NORM: usize = 32;
export const S_TAIL: usize = 48;
/** u32 address of the row norms |x|; `ZERO_NORM` for an all-zero row, NaN outside the range in which bounds hold. */
export const B_NORM: usize = 20;
/** u32 address of the centre, `dim4` float32. */
export const B_CENTRE: usize = 24;
/** u32 number of the block's first row in the table. */
export const B_FIRST_ROW: usize = 28;
export const B_DIM: usize = 32;
export const B_DTYPE: usize = 36;
export const B_ROW_STRIDE: usize = 40;
/** u32 bytes of a row in a plane and in the last plane, planes, and bytes from one plane to the next. */
export const B_PLANE_WIDTH: usize = 44;
export const B_LAST_WIDTH: usize = 48;
export const B_PLANES: usize = 52;
export const B_PLANE_BYTES: usize = 56;
/** u32 address of the tails of the second plane, s·|components of c after it|; those of the third follow. */
export const B_TAILS: usize = 60;
/** u32 address of the shifts, centre·(x − centre); NaN outside the range in which bounds hold. */
export const B_SHIFTS: usize = 68;
/** u32 rows that the block has room for. */
export const B_CAPACITY: usize = 64;
/** u32 address of the checksums of the stored rows; 0 in a block that keeps the rows themselves. */
export const B_CHECKSUMS: usize = 72;
export const BLOCK_HEADER: usize = 128;

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
export const Q_INT8_LIMIT: usize = 112;
/** f32 constants of the float bound. */
export const Q_F0: usize = 116;
export const Q_FLOAT_LIMIT: usize = 120;
/** f64 norm of the vector that the query's codes stand for. */
export const Q_CODE_NORM: usize = 128;
/** f32 norms of the query's codes after each plane but the last. */
export const Q_TAILS: usize = 136;
/** u32 planes that the first look takes; runs until it tries with fewer; how many to wait after the next failure. */
export const Q_DEPTH: usize = 148;
export const Q_WAIT: usize = 152;
export const Q_PATIENCE: usize = 156;
/** u32 place, relative to the state, of the candidates of a run: row index and dot product so far, int32 each. */
export const Q_CANDIDATES: usize = 160;
/** f32 what a shift counts in the units of the bound, and i32 whether there are any. */
export const Q_SHIFT: usize = 164;
export const Q_HAS_SHIFTS: usize = 168;
/** u32 rows of the next run, and a place for sums that nobody reads. */
export const Q_RUN_ROWS: usize = 172;
export const Q_TOUCHED: usize = 176;
/** u32 address of the notes of a search over rows that are not in memory, 0 for other searches; notes there are. */
export const Q_NOTES: usize = 180;
export const Q_NOTE_COUNT: usize = 184;
/** f64 slack that the offset includes: the least that q·centre adds is the offset without it, twice. */
export const Q_OFFSET_WIDENING: usize = 192;
export const STATE_HEADER: usize = 208;
/** Rows of a run, at first and at most: what is looked at before the candidates among it are followed up. */
export const FIRST_RUN_ROWS: u32 = 16;
export const RUN_ROWS: u32 = 256;

/** Norm kept for an all-zero row: far above any other, so that the cosine bound sees the sign of the limit only. */
export const ZERO_NORM: f32 = 3e38;
/** Share of a row's code norm that its residual includes: pays for the rounding of the query. */
export const RESIDUAL_SHARE: f64 = 2e-4;

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

/** Address of a row's lane among the scalars of its four. */
// @ts-ignore: decorator
@inline
export function scalarPlace(base: usize, row: usize): usize {
  return base + ((row >> 2) << 6) + ((row & 3) << 2);
}

/** Bytes of a row's codes in a plane: a quarter of them, in whole cache lines; all of them where they are fewer. */
export function planeWidth(dim: i32): usize {
  return min(padded16(dim), (((padded16(dim) + 3) >> 2) + 63) & ~63);
}

/**
 * Bytes of a row's codes that lie together: a cache line where planes are wide. The next ones of its neighbours
 * follow first, so that four rows side by side are one stream.
 */
// @ts-ignore: decorator
@inline
export function chunkBytes(width: usize): usize {
  return width & 63 ? width : 64;
}

/** Address of a row's first chunk in a plane. */
// @ts-ignore: decorator
@inline
export function codePlace(codes: usize, row: usize, width: usize): usize {
  return codes + (row & ~3) * width + (row & 3) * chunkBytes(width);
}

/** Number of planes, 1 to 4. */
export function planeCount(dim: i32): usize {
  return (padded16(dim) + planeWidth(dim) - 1) / planeWidth(dim);
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
  const planes = planeCount(dim);
  return padded16(dim) + (planes > 2 ? 16 + 4 * planes : 24);
}

/** Bytes of a block of `rows` rows; its address must be a multiple of 64. */
export function blockBytes(dim: i32, dtype: i32, rows: i32): usize {
  const count = <usize>rows;
  return BLOCK_HEADER + aligned64(rowStride(dim, dtype) * count) + aligned64(codeBytesPerRow(dim) * count);
}

/** Bytes of a centre: `dim4` float32. */
export function centreBytes(dim: i32): usize {
  return aligned64(padded4(dim) << 2);
}

/** Bytes of a query state with a heap of `k` rows; its address must be a multiple of 64. */
export function stateBytes(dim: i32, k: i32): usize {
  const candidates = 8 * <usize>RUN_ROWS + 32;
  return aligned64(STATE_HEADER + padded4(dim) * 12 + padded16(dim) * 2 + candidates + <usize>k * 12 + 64);
}

/** Bytes of a block of `rows` rows that keeps codes and checksums only; its address must be a multiple of 64. */
export function codeBlockBytes(dim: i32, rows: i32): usize {
  return BLOCK_HEADER + aligned64((codeBytesPerRow(dim) + 4) * <usize>rows);
}

/** Writes the header of a block of `rows` rows whose first one is the table's row `firstRow`. */
export function initBlock(block: usize, dim: i32, dtype: i32, rows: i32, firstRow: u32, centre: usize): void {
  const stored = block + BLOCK_HEADER;
  placeParts(block, dim, dtype, rows, firstRow, centre, stored, stored + aligned64(rowStride(dim, dtype) * <usize>rows));
  store<u32>(block, 0, B_CHECKSUMS);
}

/** The same for a block whose rows are only at `stored` while their codes are derived. */
export function initCodeBlock(
  block: usize, dim: i32, dtype: i32, rows: i32, firstRow: u32, centre: usize, stored: usize,
): void {
  const codes = block + BLOCK_HEADER;
  placeParts(block, dim, dtype, rows, firstRow, centre, stored, codes);
  store<u32>(block, <u32>(codes + codeBytesPerRow(dim) * <usize>rows), B_CHECKSUMS);
}

function placeParts(
  block: usize, dim: i32, dtype: i32, rows: i32, firstRow: u32, centre: usize, stored: usize, codes: usize,
): void {
  const count = <usize>rows;
  const stride = rowStride(dim, dtype);
  const scalars = codes + aligned64(padded16(dim) * count);
  const planes = planeCount(dim);
  const width = planeWidth(dim);
  store<u32>(block, <u32>stored, B_ROWS);
  store<u32>(block, <u32>codes, B_CODES);
  store<u32>(block, <u32>scalars, B_SCALARS);
  store<u32>(block, <u32>(scalars + 16 * count), B_NORM);
  store<u32>(block, <u32>centre, B_CENTRE);
  store<u32>(block, firstRow, B_FIRST_ROW);
  store<i32>(block, dim, B_DIM);
  store<i32>(block, dtype, B_DTYPE);
  store<u32>(block, <u32>stride, B_ROW_STRIDE);
  store<u32>(block, <u32>width, B_PLANE_WIDTH);
  store<u32>(block, <u32>(padded16(dim) - (planes - 1) * width), B_LAST_WIDTH);
  store<u32>(block, <u32>planes, B_PLANES);
  store<u32>(block, <u32>(width * count), B_PLANE_BYTES);
  store<u32>(block, <u32>(scalars + 20 * count), B_SHIFTS);
  store<u32>(block, <u32>(scalars + 24 * count), B_TAILS);
  store<i32>(block, rows, B_CAPACITY);
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
