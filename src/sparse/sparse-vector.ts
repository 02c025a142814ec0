/**
 * What is a sparse vector, as it is given, checked and stored?
 *
 * The door of the folder: behind it a vector is two arrays, feature ids ascending and distinct, weights float32, finite and
 * not zero. Everything an application can give is turned into that or refused with the index and what was given.
 *
 * Stored form, little-endian: `u32 count`, `u32 indices[count]`, `f32 values[count]`; the empty vector is zero bytes.
 */
import { LynseError } from "../errors.js";
import { checkLimit, limits } from "../limits.js";

/**
 * A sparse vector: weights of features, named by any integer from 0 to 2^32 - 1. A record or map from index to weight,
 * pairs `[index, weight]`, or two arrays of one length. Order is free, zeros are dropped, weights of a repeated index are
 * summed; weights are kept as float32.
 */
export type SparseVector =
  | Readonly<Record<number, number>>
  | ReadonlyMap<number, number>
  | readonly (readonly [number, number])[]
  | { readonly indices: ArrayLike<number>; readonly values: ArrayLike<number> };

/** A sparse vector as the rest of the package knows it. */
export interface CheckedSparse {
  /** Ascending, distinct. */
  readonly indices: Uint32Array;
  /** Finite and not zero, one an index. */
  readonly values: Float32Array;
}

const indexMax = 0xffff_ffff;

/** Entries of a vector in the order given, zeros left out. */
class Entries {
  readonly indices: number[] = [];
  readonly values: number[] = [];
  isAscending = true;
  readonly #label: () => string;

  constructor(label: () => string) {
    this.#label = label;
  }

  add(index: unknown, value: unknown): void {
    if (typeof index !== "number" || !Number.isInteger(index) || index < 0 || index > indexMax) {
      throw new LynseError(
        "INVALID_VECTOR",
        `${this.#label()} has ${nameOf(index)} as an index; indices must be integers from 0 to ${indexMax}`,
        { index: typeof index === "number" ? index : String(index) },
      );
    }
    if (typeof value !== "number" || !Number.isFinite(value)) throw badValue(this.#label, index, nameOf(value));
    if (value === 0) return;
    const { indices, values } = this;
    const count = indices.length;
    if (count >= limits.sparseValuesMax) {
      checkLimit("sparseValuesMax", count + 1, `the number of weights of ${this.#label()}`);
    }
    if (count > 0 && index <= indices[count - 1]!) this.isAscending = false;
    indices.push(index);
    values.push(value);
  }
}

/** Checks what an application gave as a sparse vector; `label` begins the message of an error. */
export function checkSparse(vector: unknown, label: () => string): CheckedSparse {
  const entries = new Entries(label);
  if (Array.isArray(vector)) addPairs(entries, vector, label);
  else if (vector instanceof Map) for (const [index, value] of vector) entries.add(index, value);
  else if (isRecord(vector)) {
    if (Object.hasOwn(vector, "indices") || Object.hasOwn(vector, "values")) addArrays(entries, vector, label);
    else addRecord(entries, vector);
  } else {
    throw new LynseError("INVALID_ARGUMENT", `${label()} ${expectation}, got ${nameOf(vector)}`);
  }
  return entries.isAscending ? taken(entries, label) : summed(entries, label);
}

const expectation =
  "must be a record or Map of index to weight, an array of [index, weight] pairs, or { indices, values }";

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !ArrayBuffer.isView(value) && !(Symbol.iterator in value);
}

function addPairs(entries: Entries, pairs: readonly unknown[], label: () => string): void {
  for (let i = 0; i < pairs.length; i++) {
    const pair = pairs[i];
    if (!Array.isArray(pair) || pair.length !== 2) {
      const got = Array.isArray(pair) ? `an array of ${pair.length}` : nameOf(pair);
      throw new LynseError("INVALID_ARGUMENT", `${label()} has ${got} at position ${i}; expected [index, weight]`, {
        position: i,
      });
    }
    entries.add(pair[0], pair[1]);
  }
}

function addArrays(entries: Entries, vector: Record<string, unknown>, label: () => string): void {
  const { indices, values } = vector;
  if (!isArrayLike(indices) || !isArrayLike(values)) {
    const [name, got] = isArrayLike(indices) ? ["values", values] : ["indices", indices];
    throw new LynseError("INVALID_ARGUMENT", `${name} of ${label()} must be an array of numbers, got ${nameOf(got)}`);
  }
  if (indices.length !== values.length) {
    throw new LynseError(
      "INVALID_ARGUMENT",
      `${label()} has ${indices.length} indices and ${values.length} values; there must be as many of both`,
      { indices: indices.length, values: values.length },
    );
  }
  for (let i = 0; i < indices.length; i++) entries.add(indices[i], values[i]);
}

function addRecord(entries: Entries, vector: Record<string, unknown>): void {
  for (const key in vector) {
    if (!Object.hasOwn(vector, key)) continue;
    const index = Number(key);
    // "1e3", "01" and "" are numbers to a cast, but no index that anyone wrote.
    entries.add(String(index) === key ? index : key, vector[key]);
  }
}

function isArrayLike(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

/** Entries that are in order, without repetitions. */
function taken({ indices, values }: Entries, label: () => string): CheckedSparse {
  const kept = new Uint32Array(indices);
  const weights = new Float32Array(values);
  return withoutZeros(kept, weights, values, label);
}

/** Entries put in order, weights of an index summed in the order given. */
function summed({ indices, values }: Entries, label: () => string): CheckedSparse {
  const count = indices.length;
  const keys = new Float64Array(count);
  // Index and position in one key: below 2^49, exact in float64.
  for (let i = 0; i < count; i++) keys[i] = indices[i]! * 2 * limits.sparseValuesMax + i;
  keys.sort();
  const kept = new Uint32Array(count);
  const sums: number[] = [];
  for (let i = 0; i < count; i++) {
    const index = Math.floor(keys[i]! / (2 * limits.sparseValuesMax));
    const value = values[keys[i]! % (2 * limits.sparseValuesMax)]!;
    const last = sums.length - 1;
    if (last >= 0 && kept[last] === index) {
      sums[last]! += value;
    } else {
      kept[sums.length] = index;
      sums.push(value);
    }
  }
  return withoutZeros(kept.slice(0, sums.length), new Float32Array(sums), sums, label);
}

/** Drops what is zero as float32 and refuses what is too large for it. */
function withoutZeros(
  indices: Uint32Array,
  values: Float32Array,
  given: readonly number[],
  label: () => string,
): CheckedSparse {
  let end = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value === 0) continue;
    if (!Number.isFinite(value)) throw badValue(label, indices[i]!, `the number ${given[i]}`);
    indices[end] = indices[i]!;
    values[end] = value;
    end += 1;
  }
  return end === values.length ? { indices, values } : { indices: indices.slice(0, end), values: values.slice(0, end) };
}

function badValue(label: () => string, index: number, got: string): LynseError {
  return new LynseError(
    "INVALID_VECTOR",
    `${label()} has ${got} at index ${index}; every weight must be a finite number within float32's range`,
    { index, got },
  );
}

function nameOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return `an object of class ${value.constructor?.name ?? "(none)"}`;
  if (typeof value === "string") return `the text ${JSON.stringify(value.slice(0, 40))}`;
  return typeof value === "undefined" ? "undefined" : `the ${typeof value} ${String(value)}`;
}

/** The stored form of a vector. */
export function encodeSparse({ indices, values }: CheckedSparse): Uint8Array {
  const count = indices.length;
  if (count === 0) return new Uint8Array(0);
  const bytes = new Uint8Array(4 + 8 * count);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, count, true);
  for (let i = 0; i < count; i++) {
    view.setUint32(4 + 4 * i, indices[i]!, true);
    view.setFloat32(4 + 4 * (count + i), values[i]!, true);
  }
  return bytes;
}

/** The vector that `encodeSparse` stored; null for bytes that it cannot have written. */
export function decodeSparse(bytes: Uint8Array): CheckedSparse | null {
  if (bytes.length === 0) return { indices: new Uint32Array(0), values: new Float32Array(0) };
  if (bytes.length < 12) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const count = view.getUint32(0, true);
  if (count > limits.sparseValuesMax || bytes.length !== 4 + 8 * count) return null;
  const indices = new Uint32Array(count);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    indices[i] = view.getUint32(4 + 4 * i, true);
    values[i] = view.getFloat32(4 + 4 * (count + i), true);
    if (i > 0 && indices[i]! <= indices[i - 1]!) return null;
    if (values[i] === 0 || !Number.isFinite(values[i])) return null;
  }
  return { indices, values };
}
