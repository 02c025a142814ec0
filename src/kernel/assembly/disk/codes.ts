/**
 * Which code stands for a vector, and how far apart are two nodes?
 *
 * SQ8: x is kept as centre + s·c with c in int8 and s = largest |x − centre| / 127. With y kept as centre + t·d, |x −
 * y|² ≈ s²|c|² + t²|d|² − 2·s·t·(c·d): an integer product and a few float operations. Cosine works on the vectors
 * divided by their norms. For inner products the graph is made over vectors with one more component √(M² − |x|²), where
 * M is the largest norm: nearest by distance is then largest by inner product (Bachrach et al., RecSys 2014).
 */
import { COS } from "../scan/layout";
import { T_CENTRE, T_CODES, T_DIM, T_METRIC, T_SCALARS, T_SQUARE_MAX, T_STRIDE } from "./layout";

/** Sum of the products of int16 with int8 codes; `bytes` is a multiple of 16. */
// @ts-ignore: decorator
@inline
export function dotOne(query: usize, code: usize, bytes: usize): i32 {
  let even = i32x4.splat(0);
  let odd = even;
  for (const end = code + bytes; code < end; code += 16, query += 32) {
    even = i32x4.add(even, i32x4.dot_i16x8_s(v128.load(query), v128.load_ext<i8>(code)));
    odd = i32x4.add(odd, i32x4.dot_i16x8_s(v128.load(query, 16), v128.load_ext<i8>(code, 8)));
  }
  even = i32x4.add(even, odd);
  return (
    i32x4.extract_lane(even, 0) +
    i32x4.extract_lane(even, 1) +
    i32x4.extract_lane(even, 2) +
    i32x4.extract_lane(even, 3)
  );
}

/** The same for four codes, a lane each. */
// @ts-ignore: decorator
@inline
export function dotFour(query: usize, a: usize, b: usize, c: usize, d: usize, bytes: usize): v128 {
  let sumA = i32x4.splat(0);
  let sumB = sumA;
  let sumC = sumA;
  let sumD = sumA;
  for (const end = query + 2 * bytes; query < end; query += 16) {
    const q = v128.load(query);
    sumA = i32x4.add(sumA, i32x4.dot_i16x8_s(q, v128.load_ext<i8>(a)));
    sumB = i32x4.add(sumB, i32x4.dot_i16x8_s(q, v128.load_ext<i8>(b)));
    sumC = i32x4.add(sumC, i32x4.dot_i16x8_s(q, v128.load_ext<i8>(c)));
    sumD = i32x4.add(sumD, i32x4.dot_i16x8_s(q, v128.load_ext<i8>(d)));
    a += 8;
    b += 8;
    c += 8;
    d += 8;
  }
  const lowAB = v128.shuffle<i32>(sumA, sumB, 0, 4, 1, 5);
  const highAB = v128.shuffle<i32>(sumA, sumB, 2, 6, 3, 7);
  const lowCD = v128.shuffle<i32>(sumC, sumD, 0, 4, 1, 5);
  const highCD = v128.shuffle<i32>(sumC, sumD, 2, 6, 3, 7);
  const ab = i32x4.add(lowAB, highAB);
  const cd = i32x4.add(lowCD, highCD);
  return i32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
}

/** Sum of the products of two int8 codes. */
// @ts-ignore: decorator
@inline
function dotCodes(x: usize, y: usize, bytes: usize): i32 {
  let even = i32x4.splat(0);
  let odd = even;
  for (const end = x + bytes; x < end; x += 16, y += 16) {
    even = i32x4.add(even, i32x4.dot_i16x8_s(v128.load_ext<i8>(x), v128.load_ext<i8>(y)));
    odd = i32x4.add(odd, i32x4.dot_i16x8_s(v128.load_ext<i8>(x, 8), v128.load_ext<i8>(y, 8)));
  }
  even = i32x4.add(even, odd);
  return (
    i32x4.extract_lane(even, 0) +
    i32x4.extract_lane(even, 1) +
    i32x4.extract_lane(even, 2) +
    i32x4.extract_lane(even, 3)
  );
}

/** The component that is added to a vector of norm² `square` so that all have norm² `squareMax`. */
// @ts-ignore: decorator
@inline
export function extraOf(squareMax: f32, square: f32): f32 {
  return sqrt<f32>(max<f32>(0, squareMax - square));
}

/** Squared distance of two nodes of an SQ8 table, the added component included. */
export function nodeDistance(table: usize, a: u32, b: u32): f32 {
  const stride = <usize>load<u32>(table, T_STRIDE);
  const codes = <usize>load<u32>(table, T_CODES);
  const scalars = <usize>load<u32>(table, T_SCALARS);
  const scalarA = scalars + (<usize>a << 3);
  const scalarB = scalars + (<usize>b << 3);
  const product = <f32>dotCodes(codes + <usize>a * stride, codes + <usize>b * stride, stride);
  let square =
    load<f32>(scalarA, 4) + load<f32>(scalarB, 4) - 2 * load<f32>(scalarA) * load<f32>(scalarB) * product;
  const squareMax = load<f32>(table, T_SQUARE_MAX);
  if (squareMax > 0) {
    const rest = extraOf(squareMax, load<f32>(scalarA, 4)) - extraOf(squareMax, load<f32>(scalarB, 4));
    square += rest * rest;
  }
  return max<f32>(square, 0);
}

/** 1/|x| for cosine, 1 for other metrics and for vectors of zeros. */
function unitOf(table: usize, source: usize): f64 {
  if (load<i32>(table, T_METRIC) != COS) return 1;
  const square = squareOf(table, source);
  return square > 0 ? 1 / Math.sqrt(square) : 1;
}

/** |x|² of a float32 vector. */
function squareOf(table: usize, source: usize): f64 {
  let square: f64 = 0;
  for (let i: usize = 0, dim = <usize>load<u32>(table, T_DIM); i < dim; i++) {
    const x = <f64>load<f32>(source + (i << 2));
    square += x * x;
  }
  return square;
}

/** Codes one float32 vector, times `unit`, less the centre unless `isRest`, as `node` of an SQ8 table. */
export function encodeNode(table: usize, node: u32, source: usize, unit: f64, isRest: bool): void {
  const dim = <usize>load<u32>(table, T_DIM);
  const centre = <usize>load<u32>(table, T_CENTRE);
  const stride = <usize>load<u32>(table, T_STRIDE);
  const code = <usize>load<u32>(table, T_CODES) + <usize>node * stride;
  const scalar = <usize>load<u32>(table, T_SCALARS) + (<usize>node << 3);
  let largest: f64 = 0;
  for (let i: usize = 0; i < dim; i++) {
    const y = <f64>load<f32>(source + (i << 2)) * unit - (isRest ? 0 : <f64>load<f32>(centre + (i << 2)));
    largest = max(largest, abs(y));
  }
  const inverse = largest > 0 ? 127 / largest : 0;
  let square: f64 = 0;
  for (let i: usize = 0; i < dim; i++) {
    const y = <f64>load<f32>(source + (i << 2)) * unit - (isRest ? 0 : <f64>load<f32>(centre + (i << 2)));
    const c = nearest(y * inverse);
    square += c * c;
    store<i8>(code + i, <i8>(<i32>c));
  }
  for (let i = dim; i < stride; i++) store<i8>(code + i, 0);
  const scale = largest / 127;
  store<f32>(scalar, <f32>scale);
  store<f32>(scalar, <f32>(scale * scale * square), 4);
}

/**
 * Codes `count` float32 vectors, `step` bytes apart, as nodes from `first` on. Returns the largest square of a coded
 * vector's distance from the centre.
 */
export function encodeNodes(table: usize, first: u32, count: u32, source: usize, step: usize): f32 {
  const scalars = <usize>load<u32>(table, T_SCALARS);
  let largest: f32 = 0;
  for (let node = first; node < first + count; node++, source += step) {
    encodeNode(table, node, source, unitOf(table, source), false);
    largest = max(largest, load<f32>(scalars + (<usize>node << 3), 4));
  }
  return largest;
}
