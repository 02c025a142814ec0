/**
 * Which vectors does a body hold?
 *
 * Arrays of numbers, or base64 of float32; exactly one of the two. That every component is a finite number is checked where
 * vectors are used; here, that each is a list that begins with a number, so that what is no vector gets an error with its
 * position. Long texts are decoded in slices.
 */
import { LynseError } from "../../errors.js";
import { checkLimit } from "../../limits.js";
import { TimeSlice } from "../../time-slice.js";
import type { Matrix, Vector } from "../../types.js";
import { decodeBase64 } from "../../wire/base64.js";
import { decodeVectors, vectorsFromBase64 } from "../../wire/vector-encoding.js";
import type { ServerLimits } from "../server-state.js";
import { checkBatch } from "./check-request.js";

/** Characters of base64 that are decoded at once; a multiple of 16, so that a piece is a number of whole components. */
const pieceCharacters = 512 * 1024;
const componentBytes = 4;

export interface VectorBody {
  readonly vector?: readonly number[];
  readonly vector_b64?: string;
  readonly dim?: number;
}

export interface VectorsBody {
  readonly vectors?: readonly (readonly number[])[];
  readonly vectors_b64?: string;
  readonly dim?: number;
}

/** Vectors, and how many there are. */
export interface CountedMatrix {
  readonly matrix: Matrix;
  readonly count: number;
  /** Components of the first one; 0 without one. */
  readonly dim: number;
}

/** The vector of a body; null where there is none. */
export function vectorOf({ vector, vector_b64, dim }: VectorBody): Vector | null {
  if (vector !== undefined && vector_b64 !== undefined) throw bothGiven("vector");
  if (vector !== undefined) {
    checkBegins(vector, () => "the query vector");
    return vector;
  }
  if (vector_b64 === undefined) return null;
  // Before it is decoded: a text may be as long as a body.
  checkLimit("dimMax", Math.floor((vector_b64.length * 3) / 4 / componentBytes), "the dimension of vector_b64");
  const data = vectorsFromBase64(vector_b64, 1, "vector_b64");
  if (dim === undefined || dim === data.length) return data;
  throw new LynseError("DIMENSION_MISMATCH", `vector_b64 holds ${data.length} components, dim is ${dim}`, {
    expected: dim,
    got: data.length,
  });
}

/** The vector of a body that must have one. */
export function requiredVector(body: VectorBody): Vector {
  const vector = vectorOf(body);
  if (vector !== null) return vector;
  throw new LynseError("INVALID_ARGUMENT", "vector is missing from the body; give vector or vector_b64", {
    member: "vector",
  });
}

/** The vectors of a body that must have some; `what` names their number where it is above the limit. */
export async function requiredVectors(
  body: VectorsBody,
  limits: ServerLimits,
  what = "n_vectors",
): Promise<CountedMatrix> {
  const { vectors, vectors_b64, dim } = body;
  if (vectors !== undefined && vectors_b64 !== undefined) throw bothGiven("vectors");
  if (vectors !== undefined) {
    checkBatch(what, vectors.length, limits);
    return { matrix: vectors, count: vectors.length, dim: checkRows(vectors) };
  }
  if (vectors_b64 === undefined) {
    throw new LynseError("INVALID_ARGUMENT", "vectors is missing from the body; give vectors, or vectors_b64 and dim", {
      member: "vectors",
    });
  }
  if (dim === undefined) {
    throw new LynseError("INVALID_ARGUMENT", "vectors_b64 was given without dim", { member: "dim" });
  }
  // Padding stands for less than a component.
  checkBatch(what, Math.floor((vectors_b64.length * 3) / 4 / (componentBytes * dim)), limits);
  const data = await decoded(vectors_b64, dim);
  return { matrix: { data, dim }, count: data.length / dim, dim };
}

/** Checks that rows are vectors of one length; gives the length. */
function checkRows(rows: readonly unknown[]): number {
  const [first] = rows;
  const dim = Array.isArray(first) ? first.length : 0;
  for (let row = 0; row < rows.length; row += 1) {
    const vector = rows[row];
    checkBegins(vector, () => `vectors[${row}]`);
    if ((vector as unknown[]).length === dim) continue;
    throw new LynseError(
      "DIMENSION_MISMATCH",
      `Invalid argument: all vectors in a batch must have the same dimension: vectors[0] has ${dim} components, ` +
        `vectors[${row}] has ${(vector as unknown[]).length}`,
      { expected: dim, got: (vector as unknown[]).length, row },
    );
  }
  return dim;
}

function checkBegins(vector: unknown, label: () => string): void {
  if (!Array.isArray(vector)) {
    throw new LynseError("INVALID_ARGUMENT", `${label()} must be a list of numbers, got ${nameOf(vector)}`);
  }
  const [first] = vector;
  if (typeof first === "number") return;
  if (vector.length === 0) throw new LynseError("INVALID_VECTOR", `${label()} is empty; expected numbers`);
  const got = nameOf(first);
  throw new LynseError(
    "INVALID_VECTOR",
    `${label()} has ${got} at component 0; every component must be a finite number`,
    { component: 0, got },
  );
}

function nameOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `a value of type ${typeof value}`;
}

async function decoded(text: string, dim: number): Promise<Float32Array> {
  if (text.length <= pieceCharacters) return vectorsFromBase64(text, dim, "vectors_b64");
  const data = new Float32Array(((text.length / 4) * 3) >>> 2);
  const slice = new TimeSlice();
  let length = 0;
  for (let at = 0; at < text.length; at += pieceCharacters) {
    const piece = text.slice(at, at + pieceCharacters);
    const bytes = decodeBase64(piece, "vectors_b64");
    const isLast = at + pieceCharacters >= text.length;
    if (!isLast && bytes.length !== (pieceCharacters / 4) * 3) {
      throw new LynseError("INVALID_ARGUMENT", "vectors_b64 is no base64: it has padding before its end");
    }
    if (bytes.length % componentBytes !== 0) throw partial(length * componentBytes + bytes.length, dim);
    data.set(decodeVectors(bytes), length);
    length += bytes.length / componentBytes;
    if (slice.isDue()) await slice.giveWay();
  }
  if (length % dim !== 0) throw partial(length * componentBytes, dim);
  return data.subarray(0, length);
}

function partial(got: number, dim: number): LynseError {
  return new LynseError(
    "INVALID_ARGUMENT",
    `vectors_b64 holds ${got} bytes, expected a multiple of ${componentBytes * dim} (dim ${dim} of float32)`,
    { dim, got },
  );
}

function bothGiven(name: string): LynseError {
  return new LynseError("INVALID_ARGUMENT", `the body has both ${name} and ${name}_b64; give one of them`, {
    member: name,
  });
}
