/**
 * Which codes and scalars stand for a row?
 *
 * A row x becomes a record: its codes, one byte each (float32 for FLOAT), and the scalars mul, add and error. With r = x − centre
 * (centre 0 where there are none), o its rotation, v the vector that the codes stand for and c the rotated centre, the
 * inner product of r with y = query − centre is estimated without bias by
 *   ⟨r, y⟩ ≈ |r|² / ⟨v, o⟩ · ⟨v, rotated y⟩
 * with a standard error of |r| |y| √(1 − t²) / (t √(D − 1)), t = cos(v, o) (Gao & Long, *RaBitQ*, SIGMOD 2024, theorem 3.2
 * and equation 15). What depends on the row and its centre alone goes into `add`:
 *   ip, cos: ⟨x, q⟩ = ⟨c, q⟩ + ⟨r, centre⟩ + ⟨r, y⟩   l2: −|x − q|² = −|y|² − |r|² + 2 ⟨r, y⟩
 * For a product code r̂ of r: ip ⟨c, q⟩ + ⟨r̂, q⟩, l2 −|y|² + 2 ⟨r̂, q⟩ − |r̂|² − 2 ⟨r̂, centre⟩.
 */
import {
  C_ADD,
  C_CENTRES,
  C_CODEBOOK,
  C_CODE_BYTES,
  C_CODE_HALVES,
  C_DIM,
  C_EPSILON,
  C_ERROR,
  C_FINE,
  C_FINE_ADD,
  C_FINE_MUL,
  C_KIND,
  C_LEVELS,
  C_LEVEL_COUNT,
  C_METRIC,
  C_MUL,
  C_RECORD_BYTES,
  C_ROTATED,
  C_ROTATION,
  C_ROWS,
  C_SUBSPACES,
  C_SUB_DIM,
  C_TABLES,
  C_TOGETHER,
  C_WIDTH,
  fineBytes,
  FLOAT,
  INT8,
  L2,
  PRODUCT,
  TABLES,
  widthBytes,
} from "./codec";
import { scoreCentroids, squareOf } from "./nearest";
import { rotate } from "./rotate";

/** Number of the level nearest to x: how many of the middles between neighbours lie below it. */
// @ts-ignore: decorator
@inline
function nearestLevel(levels: usize, count: u32, x: f32): u32 {
  let low: u32 = 0;
  let high = count - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    const place = levels + (<usize>middle << 2);
    if (x > (load<f32>(place) + load<f32>(place, 4)) * 0.5) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The scalars of a row whose codes stand for v. */
// @ts-ignore: decorator
@inline
function storeScalars(codec: usize, record: usize, square: f64, vo: f64, vv: f64, vc: f64, oc: f64): void {
  const isL2 = load<u32>(codec, C_METRIC) == L2;
  const mul = vo > 0 ? square / vo : 0;
  const add = isL2 ? -square - 2 * mul * vc : oc - mul * vc;
  const dims = max(1, <f64>load<u32>(codec, C_WIDTH) - 1);
  const rest = vo > 0 ? max(0, (square * vv) / (vo * vo) - 1) : 0;
  const error = <f64>load<f32>(codec, C_EPSILON) * Math.sqrt((square * rest) / dims);
  store<f32>(record, <f32>mul);
  store<f32>(record, <f32>add, 4);
  store<f32>(record, <f32>error, 8);
}

/** Codes of INT8 and TABLES for the components at `o`, and their scalars. */
function encodeLevels(codec: usize, o: usize, centre: usize, record: usize): void {
  const width = load<u32>(codec, C_WIDTH);
  const isInt8 = load<u32>(codec, C_KIND) == INT8;
  const levels = <usize>load<u32>(codec, C_LEVELS);
  const count = load<u32>(codec, C_LEVEL_COUNT);
  const square = squareOf(o, width);
  let largest: f32 = 0;
  for (let i: usize = 0; i < <usize>width; i++) largest = max(largest, abs(load<f32>(o + (i << 2))));
  // Levels are those of a normal distribution of variance 1; without levels the whole range of the row is divided evenly.
  const toLevel = levels ? (square > 0 ? Math.sqrt(<f64>width / square) : 0) : largest > 0 ? 127 / <f64>largest : 0;
  const top = levels ? load<f32>(levels + (<usize>(count - 1) << 2)) : 1;
  const together = load<u32>(codec, C_TOGETHER);
  const bits: u32 = together ? 4 / together : 0;
  let vo: f64 = 0;
  let vv: f64 = 0;
  let vc: f64 = 0;
  let oc: f64 = 0;
  for (let i: u32 = 0; i < width; i++) {
    const x = <f64>load<f32>(o + (<usize>i << 2));
    let v: f64;
    if (isInt8) {
      const scaled = levels
        ? <f64>load<f32>(levels + (<usize>nearestLevel(levels, count, <f32>(x * toLevel)) << 2)) * (127 / <f64>top)
        : x * toLevel;
      v = nearest(scaled);
      store<i8>(record + i, <i8>v);
    } else {
      const level = nearestLevel(levels, count, <f32>(x * toLevel));
      v = <f64>load<f32>(levels + (<usize>level << 2));
      const place = record + i / together;
      const shift = (i % together) * bits;
      store<u8>(place, <u8>((shift ? <u32>load<u8>(place) : 0) | (level << shift)));
    }
    vo += v * x;
    vv += v * v;
    if (centre) {
      const c = <f64>load<f32>(centre + (<usize>i << 2));
      vc += v * c;
      oc += x * c;
    }
  }
  storeScalars(codec, record + load<u32>(codec, C_CODE_BYTES), square, vo, vv, vc, oc);
}

/** Int8 codes over the whole range of the row, and their mul and add, after the record's three scalars. */
function encodeFine(codec: usize, o: usize, centre: usize, target: usize): void {
  const width = <usize>load<u32>(codec, C_WIDTH);
  const square = squareOf(o, <u32>width);
  let largest: f32 = 0;
  for (let i: usize = 0; i < width; i++) largest = max(largest, abs(load<f32>(o + (i << 2))));
  const scale = largest > 0 ? 127 / <f64>largest : 0;
  let vo: f64 = 0;
  let vc: f64 = 0;
  let oc: f64 = 0;
  for (let i: usize = 0; i < width; i++) {
    const x = <f64>load<f32>(o + (i << 2));
    const v = nearest(x * scale);
    store<i8>(target + 8 + i, <i8>v);
    vo += v * x;
    if (centre) {
      const c = <f64>load<f32>(centre + (i << 2));
      vc += v * c;
      oc += x * c;
    }
  }
  const mul = vo > 0 ? square / vo : 0;
  store<f32>(target, <f32>mul);
  store<f32>(target, <f32>(load<u32>(codec, C_METRIC) == L2 ? -square - 2 * mul * vc : oc - mul * vc), 4);
}

/** Codes of PRODUCT for the residual at `r`, and their scalars; `scratch` has room for 256 float32. */
function encodeProduct(codec: usize, r: usize, centre: usize, record: usize, scratch: usize): void {
  const dim = load<u32>(codec, C_DIM);
  const subDim = load<u32>(codec, C_SUB_DIM);
  const subspaces = load<u32>(codec, C_SUBSPACES);
  let book = <usize>load<u32>(codec, C_CODEBOOK);
  let halves = <usize>load<u32>(codec, C_CODE_HALVES);
  let add: f64 = 0;
  for (let m: u32 = 0; m < subspaces; m++) {
    const from = m * subDim;
    const size = min(subDim, dim - from);
    scoreCentroids(r + (<usize>from << 2), book, halves, 256, size, scratch);
    let best: u32 = 0;
    let least = load<f32>(scratch);
    for (let i: u32 = 1; i < 256; i++) {
      const score = load<f32>(scratch + (<usize>i << 2));
      if (!(score < least)) continue;
      least = score;
      best = i;
    }
    store<u8>(record + m, <u8>best);
    add -= 2 * <f64>load<f32>(halves + (<usize>best << 2));
    if (centre) {
      let word = book + <usize>(best >> 5) * (<usize>size << 7) + (<usize>(best & 31) << 2);
      for (let i: u32 = 0; i < size; i++) {
        add -= 2 * <f64>load<f32>(word) * <f64>load<f32>(centre + (<usize>(from + i) << 2));
        word += 128;
      }
    }
    book += <usize>size << 10;
    halves += 1024;
  }
  const scalars = record + load<u32>(codec, C_CODE_BYTES);
  store<f32>(scalars, 1);
  store<f32>(scalars, <f32>add, 4);
  store<f32>(scalars, 0, 8);
}

/**
 * Writes the records of row-major rows; `clusters` has the number of each row's centre (0: they all have centre 0).
 * `scratch` has room for the padded width and 256 more float32.
 */
export function encodeRows(codec: usize, rows: usize, count: u32, clusters: usize, records: usize, scratch: usize): void {
  const kind = load<u32>(codec, C_KIND);
  const dim = load<u32>(codec, C_DIM);
  const rowBytes = <usize>dim << 2;
  const padded = widthBytes(codec);
  const recordBytes = <usize>load<u32>(codec, C_RECORD_BYTES);
  const centres = <usize>load<u32>(codec, C_CENTRES);
  const rotation = <usize>load<u32>(codec, C_ROTATION);
  for (let row: u32 = 0; row < count; row++) {
    if (kind == FLOAT) {
      memory.copy(records, rows, rowBytes);
      store<f32>(records + rowBytes, 1);
      store<f32>(records + rowBytes, <f32>-squareOf(rows, dim), 4);
    } else {
      const cluster = clusters ? <usize>load<u32>(clusters + (<usize>row << 2)) : 0;
      const centre = centres ? centres + cluster * rowBytes : 0;
      memory.copy(scratch, rows, rowBytes);
      memory.fill(scratch + rowBytes, 0, padded - rowBytes);
      if (centre) {
        for (let i: usize = 0; i < rowBytes; i += 4) {
          store<f32>(scratch + i, load<f32>(scratch + i) - load<f32>(centre + i));
        }
      }
      if (rotation) rotate(scratch, load<u32>(codec, C_WIDTH), rotation);
      if (kind == PRODUCT) {
        encodeProduct(codec, scratch, centre, records, scratch + padded);
      } else {
        const rotated = centre ? <usize>load<u32>(codec, C_ROTATED) + cluster * (<usize>load<u32>(codec, C_WIDTH) << 2) : 0;
        encodeLevels(codec, scratch, rotated, records);
        if (load<u32>(codec, C_FINE)) {
          encodeFine(codec, scratch, rotated, records + load<u32>(codec, C_CODE_BYTES) + 12);
        }
      }
    }
    rows += rowBytes;
    records += recordBytes;
  }
}

/** Puts a record at a lane of a block. */
export function placeRecord(codec: usize, record: usize, block: usize, lane: u32, row: u32): void {
  const kind = load<u32>(codec, C_KIND);
  const codeBytes = load<u32>(codec, C_CODE_BYTES);
  if (kind == FLOAT) {
    for (let i: u32 = 0; i < codeBytes; i += 4) {
      store<f32>(block + (<usize>i << 5) + (<usize>lane << 2), load<f32>(record + i));
    }
  } else if (kind == INT8) {
    const width = load<u32>(codec, C_WIDTH);
    for (let i: u32 = 0; i < width; i += 2) {
      store<u16>(block + (<usize>i << 5) + (<usize>lane << 1), load<u16>(record + i));
    }
  } else if (kind == TABLES) {
    const shift = lane & 16 ? 4 : 0;
    const tables = load<u32>(codec, C_TABLES);
    for (let i: u32 = 0; i < tables; i++) {
      const place = block + (<usize>i << 4) + (lane & 15);
      const other = <u32>load<u8>(place) & (0xf0 >> shift);
      store<u8>(place, <u8>(other | (<u32>load<u8>(record + i) << shift)));
    }
  } else {
    const subspaces = load<u32>(codec, C_SUBSPACES);
    for (let i: u32 = 0; i < subspaces; i++) store<u8>(block + (<usize>i << 5) + lane, load<u8>(record + i));
  }
  const scalars = record + codeBytes;
  const at = <usize>lane << 2;
  if (load<u32>(codec, C_MUL)) store<f32>(block + load<u32>(codec, C_MUL) + at, load<f32>(scalars));
  if (load<u32>(codec, C_ADD)) store<f32>(block + load<u32>(codec, C_ADD) + at, load<f32>(scalars, 4));
  if (load<u32>(codec, C_ERROR)) store<f32>(block + load<u32>(codec, C_ERROR) + at, load<f32>(scalars, 8));
  const fine = <usize>load<u32>(codec, C_FINE);
  if (fine) {
    store<f32>(block + load<u32>(codec, C_FINE_MUL) + at, load<f32>(scalars, 12));
    store<f32>(block + load<u32>(codec, C_FINE_ADD) + at, load<f32>(scalars, 16));
    memory.copy(block + fine + <usize>lane * fineBytes(codec), scalars + 20, load<u32>(codec, C_WIDTH));
  }
  if (load<u32>(codec, C_ROWS)) store<u32>(block + load<u32>(codec, C_ROWS) + at, row);
}
