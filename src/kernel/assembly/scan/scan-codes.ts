/**
 * Which rows of a block could be among the best, seen from their codes?
 *
 * Rows are taken in runs. A first look takes the leading planes of codes, four rows at a time so that they share the
 * loads of the query and the test of their bounds, and lists the candidates; these are then finished in fours.
 * Reading two streams one after the other keeps the waits for memory apart from the branches. How many planes the
 * first look takes follows from how many rows it excludes. Candidates that the whole bound does not exclude are
 * scored in float64 at once, which tightens the limit.
 *
 * Bounds: see `bounds.ts`. Integer sums are exact in any order, so both builds see the same candidates.
 */
import { SQUARE_SLACK } from "./bounds";
import { offer } from "./exact";
import { noteAll } from "./notes";
import {
  B_CAPACITY,
  B_CODES,
  B_LAST_WIDTH,
  B_NORM,
  B_PLANE_BYTES,
  B_PLANE_WIDTH,
  B_PLANES,
  B_ROW_STRIDE,
  B_ROWS,
  B_SCALARS,
  B_SHIFTS,
  B_TAILS,
  chunkBytes,
  codePlace,
  Cos,
  COS,
  IP,
  Ip,
  isCos,
  isIp,
  isL2,
  Q_C0,
  Q_C1,
  Q_CANDIDATES,
  Q_CODES,
  Q_COUNT,
  Q_DEPTH,
  Q_HAS_SHIFTS,
  Q_INT8_LIMIT,
  Q_K,
  Q_METRIC,
  Q_NOTES,
  Q_PATIENCE,
  Q_RUN_ROWS,
  Q_SHIFT,
  Q_TAILS,
  Q_TOUCHED,
  Q_WAIT,
  RUN_ROWS,
  S_CODE_NORM,
  S_RESIDUAL,
  S_TAIL,
  scalarPlace,
  SquaredL2,
} from "./layout";


/** Bytes of a row's codes in a plane. */
// @ts-ignore: decorator
@inline
function planeBytesOf(block: usize, plane: u32): usize {
  return load<u32>(block + (plane + 1 == load<u32>(block, B_PLANES) ? B_LAST_WIDTH : B_PLANE_WIDTH));
}

/** Sums of the lanes of four int32 vectors. */
// @ts-ignore: decorator
@inline
function transposedSum(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const cd = i32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return i32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
}

/** Dot products of the query's codes and the codes of the rows a, b, c, d over the planes `plane` to `end`. */
// @ts-ignore: decorator
@inline
function dotPlanes(
  isListed: bool, block: usize, query: usize, a: usize, b: usize, c: usize, d: usize, plane: u32, end: u32,
): v128 {
  const lastPlane = load<u32>(block, B_PLANES) - 1;
  const planeBytes = <usize>load<u32>(block, B_PLANE_BYTES);
  let width = <usize>load<u32>(block, B_PLANE_WIDTH);
  query += 2 * width * plane;
  let codes = <usize>load<u32>(block, B_CODES) + planeBytes * plane;
  let sumA = i32x4.splat(0);
  let sumB = sumA;
  let sumC = sumA;
  let sumD = sumA;
  for (; plane < end; plane++) {
    if (plane == lastPlane) width = load<u32>(block, B_LAST_WIDTH);
    const chunk = chunkBytes(width);
    let rowA = isListed ? codePlace(codes, a, width) : codes + a * width;
    let rowB = isListed ? codePlace(codes, b, width) : rowA + chunk;
    let rowC = isListed ? codePlace(codes, c, width) : rowB + chunk;
    let rowD = isListed ? codePlace(codes, d, width) : rowC + chunk;
    const queryEnd = query + 2 * width;
    // The same step twice: a loop over chunks around the narrow case costs it a tenth.
    if (chunk == 64) {
      while (query < queryEnd) {
        const chunkEnd = query + 128;
        do {
          const low = v128.load(query);
          const high = v128.load(query, 16);
          sumA = i32x4.add(sumA, i32x4.dot_i16x8_s(low, v128.load_ext<i8>(rowA)));
          sumB = i32x4.add(sumB, i32x4.dot_i16x8_s(low, v128.load_ext<i8>(rowB)));
          sumC = i32x4.add(sumC, i32x4.dot_i16x8_s(low, v128.load_ext<i8>(rowC)));
          sumD = i32x4.add(sumD, i32x4.dot_i16x8_s(low, v128.load_ext<i8>(rowD)));
          sumA = i32x4.add(sumA, i32x4.dot_i16x8_s(high, v128.load_ext<i8>(rowA, 8)));
          sumB = i32x4.add(sumB, i32x4.dot_i16x8_s(high, v128.load_ext<i8>(rowB, 8)));
          sumC = i32x4.add(sumC, i32x4.dot_i16x8_s(high, v128.load_ext<i8>(rowC, 8)));
          sumD = i32x4.add(sumD, i32x4.dot_i16x8_s(high, v128.load_ext<i8>(rowD, 8)));
          query += 32;
          rowA += 16;
          rowB += 16;
          rowC += 16;
          rowD += 16;
        } while (query < chunkEnd);
        rowA += 192;
        rowB += 192;
        rowC += 192;
        rowD += 192;
      }
    } else {
      do {
        const low = v128.load(query);
        const high = v128.load(query, 16);
        sumA = i32x4.add(sumA, i32x4.dot_i16x8_s(low, v128.load_ext<i8>(rowA)));
        sumB = i32x4.add(sumB, i32x4.dot_i16x8_s(low, v128.load_ext<i8>(rowB)));
        sumC = i32x4.add(sumC, i32x4.dot_i16x8_s(low, v128.load_ext<i8>(rowC)));
        sumD = i32x4.add(sumD, i32x4.dot_i16x8_s(low, v128.load_ext<i8>(rowD)));
        sumA = i32x4.add(sumA, i32x4.dot_i16x8_s(high, v128.load_ext<i8>(rowA, 8)));
        sumB = i32x4.add(sumB, i32x4.dot_i16x8_s(high, v128.load_ext<i8>(rowB, 8)));
        sumC = i32x4.add(sumC, i32x4.dot_i16x8_s(high, v128.load_ext<i8>(rowC, 8)));
        sumD = i32x4.add(sumD, i32x4.dot_i16x8_s(high, v128.load_ext<i8>(rowD, 8)));
        query += 32;
        rowA += 16;
        rowB += 16;
        rowC += 16;
        rowD += 16;
      } while (query < queryEnd);
    }
    codes += planeBytes;
  }
  return transposedSum(sumA, sumB, sumC, sumD);
}

/** Four float32 at four addresses. */
// @ts-ignore: decorator
@inline
function gather(a: usize, b: usize, c: usize, d: usize): v128 {
  let four = v128.load32_zero(a);
  four = v128.load_lane<u32>(b, four, 1);
  four = v128.load_lane<u32>(c, four, 2);
  return v128.load_lane<u32>(d, four, 3);
}

/** The scalar at `offset` of four rows. */
// @ts-ignore: decorator
@inline
function scalars(isListed: bool, base: usize, offset: usize, a: usize, b: usize, c: usize, d: usize): v128 {
  if (!isListed) return v128.load(base + (a << 4) + offset);
  return gather(
    scalarPlace(base, a) + offset,
    scalarPlace(base, b) + offset,
    scalarPlace(base, c) + offset,
    scalarPlace(base, d) + offset,
  );
}

/** The entries of four rows in an array. */
// @ts-ignore: decorator
@inline
function entries(isListed: bool, base: usize, a: usize, b: usize, c: usize, d: usize): v128 {
  if (!isListed) return v128.load(base + (a << 2));
  return gather(base + (a << 2), base + (b << 2), base + (c << 2), base + (d << 2));
}

/** Lanes whose squared distance from the query's code, rest + norm², is certainly above the square of `reach`. */
// @ts-ignore: decorator
@inline
function isFarther(rest: v128, norm: v128, reach: v128): v128 {
  const square = f32x4.add(f32x4.mul(f32x4.mul(norm, norm), f32x4.splat(<f32>(1.0 - SQUARE_SLACK))), rest);
  return f32x4.gt(square, f32x4.mul(reach, reach));
}

/**
 * Bits of the rows a, b, c, d that the int8 bound does not exclude, given the dot products of their codes over
 * `depth` planes: the others add at most the product of the tails.
 */
// @ts-ignore: decorator
@inline
function keptBits<M>(
  isListed: bool,
  isWhole: bool,
  state: usize,
  block: usize,
  dots: v128,
  depth: u32,
  a: usize,
  b: usize,
  c: usize,
  d: usize,
): i32 {
  const base = <usize>load<u32>(block, B_SCALARS);
  const limit = v128.load32_splat(state, Q_INT8_LIMIT);
  const residual = scalars(isListed, base, S_RESIDUAL, a, b, c, d);
  let most = f32x4.mul(f32x4.convert_i32x4_s(dots), scalars(isListed, base, 0, a, b, c, d));
  if (!isWhole) {
    const later = load<u32>(block, B_TAILS) + (<usize>(depth - 2) << 2) * load<u32>(block, B_CAPACITY);
    const tail = depth == 1 ? scalars(isListed, base, S_TAIL, a, b, c, d) : entries(isListed, later, a, b, c, d);
    most = f32x4.add(most, f32x4.mul(tail, v128.load32_splat(state + (<usize>(depth - 1) << 2), Q_TAILS)));
  }
  if (isL2<M>()) {
    const rest = f32x4.add(f32x4.mul(most, v128.load32_splat(state, Q_C0)), v128.load32_splat(state, Q_C1));
    const norm = scalars(isListed, base, S_CODE_NORM, a, b, c, d);
    return i32x4.bitmask(isFarther(rest, norm, f32x4.add(limit, residual))) ^ 15;
  }
  let bound = f32x4.add(most, f32x4.mul(v128.load32_splat(state, Q_C0), residual));
  if (load<i32>(state, Q_HAS_SHIFTS)) {
    const shifts = entries(isListed, load<u32>(block, B_SHIFTS), a, b, c, d);
    bound = f32x4.add(bound, f32x4.mul(shifts, v128.load32_splat(state, Q_SHIFT)));
  }
  if (isIp<M>()) return i32x4.bitmask(f32x4.le(bound, limit)) ^ 15;
  const norm = entries(isListed, load<u32>(block, B_NORM), a, b, c, d);
  const whole = f32x4.add(bound, v128.load32_splat(state, Q_C1));
  return i32x4.bitmask(f32x4.le(whole, f32x4.mul(limit, norm))) ^ 15;
}

/** Appends a row and its dot product to the candidates; they count when `bit` is 1. Returns the next place. */
// @ts-ignore: decorator
@inline
function listed(place: usize, row: usize, dot: i32, bit: i32): usize {
  store<u32>(place, <u32>row);
  store<i32>(place, dot, 4);
  return place + (<usize>bit << 3);
}

/** Appends those of four rows whose bits are set. */
// @ts-ignore: decorator
@inline
function listedFour(place: usize, a: usize, b: usize, c: usize, d: usize, dots: v128, kept: i32): usize {
  place = listed(place, a, i32x4.extract_lane(dots, 0), kept & 1);
  place = listed(place, b, i32x4.extract_lane(dots, 1), (kept >> 1) & 1);
  place = listed(place, c, i32x4.extract_lane(dots, 2), (kept >> 2) & 1);
  return listed(place, d, i32x4.extract_lane(dots, 3), kept >> 3);
}

/** Lists the candidates among the rows `from` to `to`, or among those entries of `list`. Returns their end. */
// @ts-ignore: decorator
@inline
function firstLook<M>(
  isListed: bool,
  state: usize,
  block: usize,
  list: usize,
  from: u32,
  to: u32,
  mask: usize,
  depth: u32,
): usize {
  const isWhole = depth == load<u32>(block, B_PLANES);
  const query = state + load<u32>(state, Q_CODES);
  let place = state + load<u32>(state, Q_CANDIDATES);
  for (let i = from; i < to; i += 4) {
    let kept = to - i < 4 ? (1 << (to - i)) - 1 : 15;
    if (mask) {
      kept &= <i32>(load<u32>(mask + (<usize>(i >>> 5) << 2)) >>> (i & 31));
      if (!kept) continue;
    }
    const entry = list + (<usize>i << 2);
    const a = isListed ? <usize>load<u32>(entry) : <usize>i;
    const b = isListed ? <usize>load<u32>(entry, 4) : a + 1;
    const c = isListed ? <usize>load<u32>(entry, 8) : a + 2;
    const d = isListed ? <usize>load<u32>(entry, 12) : a + 3;
    const dots = dotPlanes(isListed, block, query, a, b, c, d, 0, depth);
    kept &= keptBits<M>(isListed, isWhole, state, block, dots, depth, a, b, c, d);
    if (!kept) continue;
    place = listedFour(place, a, b, c, d, dots, kept);
  }
  return place;
}

/**
 * `firstLook` for what nearly every search does: all rows, narrow planes, not the last of them. What stays the same from
 * one four of rows to the next is kept in registers, and addresses only grow.
 */
function firstLookNarrow<M>(state: usize, block: usize, from: u32, to: u32, depth: u32): usize {
  const width = <usize>load<u32>(block, B_PLANE_WIDTH);
  const query = state + load<u32>(state, Q_CODES);
  const skip = load<u32>(block, B_PLANE_BYTES) - width;
  const later = load<u32>(block, B_TAILS) + (<usize>(depth - 2) << 2) * load<u32>(block, B_CAPACITY);
  const limit = v128.load32_splat(state, Q_INT8_LIMIT);
  const c0 = v128.load32_splat(state, Q_C0);
  const c1 = v128.load32_splat(state, Q_C1);
  const queryTail = v128.load32_splat(state + (<usize>(depth - 1) << 2), Q_TAILS);
  const shift = v128.load32_splat(state, Q_SHIFT);
  const hasShifts = load<i32>(state, Q_HAS_SHIFTS);
  let codes = load<u32>(block, B_CODES) + <usize>from * width;
  let base = load<u32>(block, B_SCALARS) + (<usize>from << 4);
  let norms = load<u32>(block, B_NORM) + (<usize>from << 2);
  let shifts = load<u32>(block, B_SHIFTS) + (<usize>from << 2);
  let place = state + load<u32>(state, Q_CANDIDATES);
  for (let row = from; row < to; row += 4) {
    let rowA = codes;
    let rowB = rowA + width;
    let rowC = rowB + width;
    let rowD = rowC + width;
    let sumA = i32x4.splat(0);
    let sumB = sumA;
    let sumC = sumA;
    let sumD = sumA;
    let part = query;
    let partEnd = query;
    for (let plane: u32 = 0; ; ) {
      partEnd += 2 * width;
      do {
        const low = v128.load(part);
        const high = v128.load(part, 16);
        sumA = i32x4.add(sumA, i32x4.dot_i16x8_s(low, v128.load_ext<i8>(rowA)));
        sumB = i32x4.add(sumB, i32x4.dot_i16x8_s(low, v128.load_ext<i8>(rowB)));
        sumC = i32x4.add(sumC, i32x4.dot_i16x8_s(low, v128.load_ext<i8>(rowC)));
        sumD = i32x4.add(sumD, i32x4.dot_i16x8_s(low, v128.load_ext<i8>(rowD)));
        sumA = i32x4.add(sumA, i32x4.dot_i16x8_s(high, v128.load_ext<i8>(rowA, 8)));
        sumB = i32x4.add(sumB, i32x4.dot_i16x8_s(high, v128.load_ext<i8>(rowB, 8)));
        sumC = i32x4.add(sumC, i32x4.dot_i16x8_s(high, v128.load_ext<i8>(rowC, 8)));
        sumD = i32x4.add(sumD, i32x4.dot_i16x8_s(high, v128.load_ext<i8>(rowD, 8)));
        part += 32;
        rowA += 16;
        rowB += 16;
        rowC += 16;
        rowD += 16;
      } while (part < partEnd);
      if (++plane == depth) break;
      rowA += skip;
      rowB += skip;
      rowC += skip;
      rowD += skip;
    }
    codes += 4 * width;
    const dots = transposedSum(sumA, sumB, sumC, sumD);
    const most = f32x4.add(
      f32x4.mul(f32x4.convert_i32x4_s(dots), v128.load(base)),
      f32x4.mul(v128.load(depth == 1 ? base + S_TAIL : later + (<usize>row << 2)), queryTail),
    );
    const residual = v128.load(base, S_RESIDUAL);
    let excluded: v128;
    if (isL2<M>()) {
      const rest = f32x4.add(f32x4.mul(most, c0), c1);
      excluded = isFarther(rest, v128.load(base, S_CODE_NORM), f32x4.add(limit, residual));
    } else {
      let bound = f32x4.add(most, f32x4.mul(c0, residual));
      if (hasShifts) bound = f32x4.add(bound, f32x4.mul(v128.load(shifts), shift));
      excluded = isCos<M>()
        ? f32x4.le(f32x4.add(bound, c1), f32x4.mul(limit, v128.load(norms)))
        : f32x4.le(bound, limit);
    }
    base += 64;
    norms += 16;
    shifts += 16;
    let kept = i32x4.bitmask(excluded) ^ 15;
    if (!kept) continue;
    if (to - row < 4) kept &= (1 << (to - row)) - 1;
    place = listedFour(place, row, row + 1, row + 2, row + 3, dots, kept);
  }
  return place;
}

/**
 * Reads one byte of each candidate's codes in `plane`. Nothing depends on them, so the waits for memory overlap,
 * where the scan itself would take them a few at a time. The sum is stored only so that the reads are not optimised
 * away.
 */
function touchPlane(state: usize, block: usize, start: usize, end: usize, plane: u32): void {
  const width = planeBytesOf(block, plane);
  // Wide rows come in order, and the processor reads ahead by itself.
  if (width > 64) return;
  const codes = <usize>load<u32>(block, B_CODES) + <usize>load<u32>(block, B_PLANE_BYTES) * plane;
  let sum: u32 = 0;
  for (let place = start; place < end; place += 8) sum += load<u8>(codePlace(codes, load<u32>(place), width));
  store<u32>(state, sum, Q_TOUCHED);
}

/** Makes the candidates that end at `end` readable to a multiple of four, by repeating the last one. */
// @ts-ignore: decorator
@inline
function fillUp(end: usize): void {
  const filler = load<u64>(end - 8);
  store<u64>(end, filler);
  store<u64>(end, filler, 8);
  store<u64>(end, filler, 16);
}

/**
 * Scores the candidates, whose dot products are whole by now. Reads a byte of every cache line of their stored rows
 * before, for the same reason as above; tests their bounds once more, as the limit tightens on the way.
 */
function offerAll<M>(state: usize, block: usize, start: usize, end: usize): void {
  if (load<u32>(state, Q_NOTES)) {
    noteAll<M>(state, block, start, end);
    return;
  }
  const planes = load<u32>(block, B_PLANES);
  const rows = <usize>load<u32>(block, B_ROWS);
  const stride = <usize>load<u32>(block, B_ROW_STRIDE);
  let sum: u32 = 0;
  for (let place = start; place < end; place += 8) {
    const row = rows + load<u32>(place) * stride;
    for (let i: usize = 0; i < stride; i += 64) sum += load<u8>(row + i);
  }
  store<u32>(state, sum, Q_TOUCHED);
  fillUp(end);
  for (let place = start; place < end; place += 32) {
    const a = <usize>load<u32>(place);
    const b = <usize>load<u32>(place, 8);
    const c = <usize>load<u32>(place, 16);
    const d = <usize>load<u32>(place, 24);
    const dots = gather(place + 4, place + 12, place + 20, place + 28);
    let kept = keptBits<M>(true, true, state, block, dots, planes, a, b, c, d);
    if (end - place < 32) kept &= (1 << <i32>((end - place) >> 3)) - 1;
    while (kept) {
      offer(state, block, load<u32>(place + (<usize>ctz(kept) << 3)));
      kept &= kept - 1;
    }
  }
}

/** Adds one plane to the candidates' dot products and drops those that the bound now excludes. Returns the new end. */
function refine<M>(state: usize, block: usize, start: usize, end: usize, plane: u32): usize {
  const query = state + load<u32>(state, Q_CODES);
  const isWhole = plane + 1 == load<u32>(block, B_PLANES);
  let left = start;
  touchPlane(state, block, start, end, plane);
  fillUp(end);
  for (let place = start; place < end; place += 32) {
    const a = <usize>load<u32>(place);
    const b = <usize>load<u32>(place, 8);
    const c = <usize>load<u32>(place, 16);
    const d = <usize>load<u32>(place, 24);
    const before = gather(place + 4, place + 12, place + 20, place + 28);
    const dots = i32x4.add(before, dotPlanes(true, block, query, a, b, c, d, plane, plane + 1));
    let kept = keptBits<M>(true, isWhole, state, block, dots, plane + 1, a, b, c, d);
    if (end - place < 32) kept &= (1 << <i32>((end - place) >> 3)) - 1;
    if (!kept) continue;
    left = listedFour(left, a, b, c, d, dots, kept);
  }
  return left;
}

/** Takes more planes into the first look when it kept too many rows; tries with fewer from time to time. */
// @ts-ignore: decorator
@inline
function adaptDepth(state: usize, planes: u32, depth: u32, rows: u32, kept: u32): void {
  const wait = load<u32>(state, Q_WAIT);
  if (depth < planes && kept * 2 > rows) {
    const patience = load<u32>(state, Q_PATIENCE);
    store<u32>(state, depth + 1, Q_DEPTH);
    store<u32>(state, patience, Q_WAIT);
    if (patience < 128) store<u32>(state, patience * 2, Q_PATIENCE);
  } else if (depth > 1) {
    if (wait > 0) store<u32>(state, wait - 1, Q_WAIT);
    else store<u32>(state, depth - 1, Q_DEPTH);
  }
}

// @ts-ignore: decorator
@inline
function scanRuns<M>(isListed: bool, state: usize, block: usize, list: usize, from: u32, to: u32, mask: usize): void {
  const planes = load<u32>(block, B_PLANES);
  const candidates = state + load<u32>(state, Q_CANDIDATES);
  // Wide planes are always read one after the other: alternating between distant streams costs more than lists.
  const isNarrow = load<u32>(block, B_PLANE_WIDTH) <= 64;
  for (let row = from; row < to; ) {
    const isFull = load<u32>(state, Q_COUNT) == load<u32>(state, Q_K);
    const depth = isFull ? min(planes, load<u32>(state, Q_DEPTH)) : planes;
    const runRows = load<u32>(state, Q_RUN_ROWS);
    const end = min(to, row + runRows);
    // Runs grow with what has been seen: within one the limit stays behind.
    if (isFull && runRows < RUN_ROWS) store<u32>(state, runRows * 2, Q_RUN_ROWS);
    let place =
      !isListed && isNarrow && depth < planes && !mask
        ? firstLookNarrow<M>(state, block, row, end, depth)
        : firstLook<M>(isListed, state, block, list, row, end, mask, depth);
    if (isFull && isNarrow) adaptDepth(state, planes, depth, end - row, <u32>((place - candidates) >> 3));
    for (let plane = depth; plane < planes && place > candidates; plane++) {
      place = refine<M>(state, block, candidates, place, plane);
    }
    if (place > candidates) offerAll<M>(state, block, candidates, place);
    row = end;
  }
}

/** Scans rows `from` (a multiple of 4) to `to`; bit i of `mask`, unless it is 0, lets row i of the block pass. */
export function scanCodesRun(state: usize, block: usize, from: u32, to: u32, mask: usize): void {
  const metric = load<i32>(state, Q_METRIC);
  if (metric == IP) scanRuns<Ip>(false, state, block, 0, from, to, mask);
  else if (metric == COS) scanRuns<Cos>(false, state, block, 0, from, to, mask);
  else scanRuns<SquaredL2>(false, state, block, 0, from, to, mask);
}

/** Scans the `count` rows whose indexes stand in `list`, ascending; `list` is readable to a multiple of four. */
export function scanCodesList(state: usize, block: usize, list: usize, count: u32): void {
  const metric = load<i32>(state, Q_METRIC);
  if (metric == IP) scanRuns<Ip>(true, state, block, list, 0, count, 0);
  else if (metric == COS) scanRuns<Cos>(true, state, block, list, 0, count, 0);
  else scanRuns<SquaredL2>(true, state, block, list, 0, count, 0);
}
