/**
 * Which vectors does a transaction hang on rows beside their own?
 *
 * Vectors of named fields and sparse vectors, by the id that they are for: which row that is shows when the transaction is
 * written. The last one given for an id counts.
 */
import type { CheckedSparse } from "../sparse/sparse-vector.js";
import { encodeSparse } from "../sparse/sparse-vector.js";
import type { FieldVectorsPart, SparsePart, Transaction } from "../storage/transaction.js";
import type { Dtype, Id } from "../types.js";
import { storedVectors } from "./stored-vectors.js";

/** The named field that a vector is for. */
export interface AttachedField {
  readonly number: number;
  readonly dim: number;
  readonly dtype: Dtype;
}

/** Vectors copied into one piece. */
const pieceVectors = 1024;

export class AttachedVectors {
  readonly #fields = new Map<number, { readonly field: AttachedField; readonly vectors: Map<Id, Float32Array> }>();
  readonly #sparse = new Map<Id, CheckedSparse>();

  get isEmpty(): boolean {
    return this.#fields.size === 0 && this.#sparse.size === 0;
  }

  setVector(field: AttachedField, id: Id, vector: Float32Array): void {
    let known = this.#fields.get(field.number);
    if (known === undefined) {
      known = { field, vectors: new Map() };
      this.#fields.set(field.number, known);
    }
    known.vectors.set(id, vector);
  }

  setSparse(id: Id, vector: CheckedSparse): void {
    this.#sparse.set(id, vector);
  }

  /** Forgets what is for an id: its row was deleted. */
  drop(id: Id): void {
    for (const [number, { vectors }] of this.#fields) {
      vectors.delete(id);
      if (vectors.size === 0) this.#fields.delete(number);
    }
    this.#sparse.delete(id);
  }

  absorb(other: AttachedVectors): void {
    for (const { field, vectors } of other.#fields.values()) {
      for (const [id, vector] of vectors) this.setVector(field, id, vector);
    }
    for (const [id, vector] of other.#sparse) this.#sparse.set(id, vector);
  }

  /** Ids that something is for; some may come twice. */
  *ids(): Generator<Id> {
    for (const { vectors } of this.#fields.values()) yield* vectors.keys();
    yield* this.#sparse.keys();
  }

  /** As a transaction writes them; `rowOf` tells the row of an id. */
  toParts(rowOf: (id: Id) => number): Pick<Transaction, "fieldVectors" | "sparse"> {
    if (this.isEmpty) return {};
    const fieldVectors = [...this.#fields.values()].map(({ field, vectors }) => fieldPart(field, vectors, rowOf));
    const sparse = this.#sparse.size === 0 ? [] : [sparsePart(this.#sparse, rowOf)];
    return { fieldVectors, sparse };
  }
}

function fieldPart(
  { number: fieldNumber, dim, dtype }: AttachedField,
  vectors: ReadonlyMap<Id, Float32Array>,
  rowOf: (id: Id) => number,
): FieldVectorsPart {
  const rows = new Uint32Array(vectors.size);
  const vectorBytes: Uint8Array[] = [];
  let piece = new Float32Array(0);
  let at = 0;
  for (const [id, vector] of vectors) {
    const inPiece = at % pieceVectors;
    if (inPiece === 0) piece = new Float32Array(Math.min(pieceVectors, vectors.size - at) * dim);
    piece.set(vector, inPiece * dim);
    rows[at++] = rowOf(id);
    if (at % pieceVectors === 0 || at === vectors.size) vectorBytes.push(storedVectors(piece, dtype));
  }
  return { fieldNumber, rows, vectorBytes };
}

function sparsePart(vectors: ReadonlyMap<Id, CheckedSparse>, rowOf: (id: Id) => number): SparsePart {
  const rows = Uint32Array.from(vectors.keys(), rowOf);
  const encoded = Array.from(vectors.values(), encodeSparse);
  return { rows, ...joined(encoded) };
}

/** Stored vectors back to back. */
export function joined(encoded: readonly Uint8Array[]): { readonly bytes: Uint8Array; readonly ends: Uint32Array } {
  const ends = new Uint32Array(encoded.length);
  let end = 0;
  encoded.forEach((bytes, at) => {
    end += bytes.length;
    ends[at] = end;
  });
  const bytes = new Uint8Array(end);
  encoded.forEach((each, at) => void bytes.set(each, ends[at]! - each.length));
  return { bytes, ends };
}
