/**
 * How do a caller's vectors become stored components?
 *
 * The door for dense vectors: length, finiteness (also after rounding to the stored type) and shape are checked here,
 * before anything is kept. Errors name the row's id and the component.
 */
import { LynseError } from "../errors.js";
import { unpackBits } from "../index/binary/packed-bits.js";
import { checkMetricVector } from "../index/metric/metric-contract.js";
import { isBinaryMetric } from "../index/metric/metric-order.js";
import { checkLimit, limits } from "../limits.js";
import type { Dtype, Matrix, Metric, Vector } from "../types.js";

/** Largest finite binary16 value, and the least one that rounds to infinity. */
const float16Max = 65_504;
const float16Overflow = 65_520;

/** Rows of vectors in one row-major array. */
export interface VectorRows {
  readonly data: Float32Array;
  readonly dim: number;
  readonly count: number;
}

/** How an error names a vector: by the id of its row, or by what it is. */
export type VectorLabel = (row: number) => string;

/** True for what a `Vector` can be. */
export function isVectorLike(value: unknown): value is Vector {
  if (Array.isArray(value)) return value.length === 0 || typeof value[0] === "number";
  if (ArrayBuffer.isView(value)) return !(value instanceof DataView) && !isBigIntArray(value);
  // Any other array-like of numbers.
  if (typeof value !== "object" || value === null || !("length" in value)) return false;
  return Number.isInteger(value.length) && typeof (value as ArrayLike<unknown>)[0] === "number";
}

function isBigIntArray(value: ArrayBufferView): boolean {
  return value instanceof BigInt64Array || value instanceof BigUint64Array;
}

/** Length of a vector, checked to be one that a field can have. */
export function dimOf(vector: unknown, label: string): number {
  if (!isVectorLike(vector)) {
    throw new LynseError(
      "INVALID_ARGUMENT",
      `${label} must be a Float32Array, Float64Array or array of numbers, got ${describe(vector)}`,
    );
  }
  const dim = (vector as ArrayLike<number>).length;
  if (dim === 0) throw new LynseError("INVALID_VECTOR", `${label} is empty; expected at least one component`);
  checkLimit("dimMax", dim, `the dimension of ${label}`);
  return dim;
}

/** Copies one vector into `target` at `offset` (components), checked against `dim` and for finite components. */
export function copyVector(
  vector: unknown,
  target: Float32Array,
  offset: number,
  dim: number,
  dtype: Dtype,
  label: () => string,
): void {
  if (!isVectorLike(vector)) dimOf(vector, label());
  const source = vector as ArrayLike<number>;
  if (source.length !== dim) {
    dimOf(vector, label());
    throw new LynseError("DIMENSION_MISMATCH", `${label()} has ${source.length} components, expected ${dim}`, {
      expected: dim,
      got: source.length,
    });
  }
  if (source instanceof Float32Array) target.set(source, offset);
  else if (ArrayBuffer.isView(source)) for (let i = 0; i < dim; i++) target[offset + i] = source[i] as number;
  // A cast would take null for 0 and "2" for 2; NaN is found below, with what was given.
  else for (let i = 0; i < dim; i++) target[offset + i] = typeof source[i] === "number" ? source[i]! : Number.NaN;
  checkFinite(source, target, offset, dim, dtype, label);
}

function checkFinite(
  source: ArrayLike<number>,
  target: Float32Array,
  offset: number,
  dim: number,
  dtype: Dtype,
  label: () => string,
): void {
  const end = offset + dim;
  // x * 0 is NaN exactly for NaN and infinities; one sum instead of a branch a component.
  let poison = 0;
  for (let i = offset; i < end; i++) poison += target[i]! * 0;
  if (poison === 0) {
    if (dtype === "float32") return;
    let largest = 0;
    for (let i = offset; i < end; i++) largest = Math.max(largest, Math.abs(target[i]!));
    if (largest < float16Overflow) return;
  }
  const greatest = dtype === "float16" ? float16Overflow : Number.POSITIVE_INFINITY;
  for (let i = 0; i < dim; i++) {
    const kept = target[offset + i]!;
    if (Number.isFinite(kept) && Math.abs(kept) < greatest) continue;
    const given = source[i];
    const range = dtype === "float16" ? `±${float16Max} (float16)` : "float32's range";
    const got = typeof given === "number" ? String(given) : describe(given);
    throw new LynseError(
      "INVALID_VECTOR",
      `${label()} has ${got} at component ${i}; every component must be a finite number within ${range}`,
      { component: i, got },
    );
  }
}

/** A single query vector, checked. */
export function queryVector(vector: unknown, dim: number, metric: Metric): Float32Array {
  const target = new Float32Array(dim);
  copyVector(asComponents(vector, metric, dim), target, 0, dim, "float32", () => "the query vector");
  checkMetricVector(metric, target, 0, dim, () => "the query vector");
  return target;
}

/**
 * For binary metrics a `Uint8Array` holds packed bits, eight components a byte, the highest bit first (as numpy.packbits):
 * they are unpacked. Everything else is given back as it is. `dim` null: eight times the bytes.
 */
export function asComponents(vector: unknown, metric: Metric, dim: number | null): unknown {
  if (!(vector instanceof Uint8Array) || !isBinaryMetric(metric)) return vector;
  const components = dim ?? vector.length * 8;
  if (vector.length === components || vector.length !== Math.ceil(components / 8)) return vector;
  const target = new Float32Array(components);
  unpackBits(vector, components, target, 0);
  return target;
}

/** As `asComponents`, for every vector of a matrix. */
export function matrixComponents(matrix: unknown, metric: Metric, dim: number | null): unknown {
  if (!isBinaryMetric(metric)) return matrix;
  if (matrix instanceof Uint8Array) return asComponents(matrix, metric, dim);
  return Array.isArray(matrix) ? matrix.map((vector) => asComponents(vector, metric, dim)) : matrix;
}

/** Number and length of the vectors in a matrix (or of a lone vector), without copying; ragged rows are found later. */
export function matrixShape(matrix: unknown, label: string): { readonly count: number; readonly dim: number | null } {
  if (isFlatMatrix(matrix)) {
    const { data, dim } = matrix;
    if (!(data instanceof Float32Array) || !Number.isInteger(dim) || dim < 1) {
      throw new LynseError("INVALID_ARGUMENT", `${label} as { data, dim } needs a Float32Array and a positive dim`);
    }
    checkLimit("dimMax", dim, `dim of ${label}`);
    if (data.length % dim !== 0) {
      throw new LynseError(
        "DIMENSION_MISMATCH",
        `${label} holds ${data.length} numbers, which is no multiple of dim ${dim}`,
        { dim, got: data.length },
      );
    }
    return { count: data.length / dim, dim };
  }
  if (Array.isArray(matrix) && (matrix.length === 0 || typeof matrix[0] !== "number")) {
    return { count: matrix.length, dim: matrix.length === 0 ? null : dimOf(matrix[0], `${label}[0]`) };
  }
  return { count: 1, dim: dimOf(matrix, label) };
}

/** The vectors of a matrix (or a lone vector) in one array, checked. */
export function matrixRows(matrix: unknown, dim: number, dtype: Dtype, label: VectorLabel): VectorRows {
  const { count, dim: given } = matrixShape(matrix, "vectors");
  if (given !== null && given !== dim) {
    throw new LynseError("DIMENSION_MISMATCH", `${label(0)} has ${given} components, expected ${dim}`, {
      expected: dim,
      got: given,
    });
  }
  const data = new Float32Array(count * dim);
  for (let row = 0; row < count; row++)
    copyVector(matrixRow(matrix, row, dim), data, row * dim, dim, dtype, () => label(row));
  return { data, dim, count };
}

/** Row `row` of a matrix, or the lone vector itself; unchecked. */
export function matrixRow(matrix: unknown, row: number, dim: number): unknown {
  if (isFlatMatrix(matrix)) return matrix.data.subarray(row * dim, (row + 1) * dim);
  return isVectorLike(matrix) && !(Array.isArray(matrix) && matrix.length === 0)
    ? matrix
    : (matrix as Matrix & unknown[])[row];
}

function isFlatMatrix(value: unknown): value is { data: Float32Array; dim: number } {
  return typeof value === "object" && value !== null && !Array.isArray(value) && "data" in value && "dim" in value;
}

/** A short name for a value of the wrong type. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return `an object of class ${value.constructor?.name ?? "(none)"}`;
  if (typeof value === "string") return `the text ${JSON.stringify(value.slice(0, 40))}`;
  return typeof value === "undefined" ? "undefined" : `the ${typeof value} ${String(value)}`;
}

/** Checks a dimension given as an option. */
export function checkDim(dim: unknown): number {
  if (typeof dim !== "number" || !Number.isInteger(dim) || dim < 1 || dim > limits.dimMax) {
    throw new LynseError(
      "INVALID_ARGUMENT",
      `dim must be an integer from 1 to ${limits.dimMax}, got ${describe(dim)}`,
      {
        got: typeof dim === "number" ? dim : String(dim),
      },
    );
  }
  return dim;
}
