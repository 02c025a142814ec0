/**
 * In which vectors is searched, and which rows do they stand for?
 *
 * The primary field, whose vectors are the rows themselves, or a named one, whose slots are turned into rows and back by one
 * snapshot. Made in the turn of the filter's snapshot.
 */
import type { FieldDefinition } from "../../engine/field-definition.js";
import { fieldDefinition } from "../../engine/field-definition.js";
import type { Generation } from "../../engine/generation.js";
import type { VectorField } from "../../engine/vector-field.js";
import { asComponents, isVectorLike, queryVector } from "../../engine/vector-input.js";
import type { ScanResult } from "../../kernel/vector-table.js";
import { throwIfAborted } from "../../query/exact-search.js";
import {
  emptyResult,
  type FieldResult,
  searchField,
  searchFieldBatch,
  searchFieldRange,
  usableIndex,
} from "../../query/field-search.js";
import type { RowFilter } from "../../query/row-filter.js";

/** What is asked of a search, whatever it searches in. */
export interface VectorAsk {
  readonly query: Float32Array;
  readonly k: number;
  readonly nprobe: number | null;
  readonly exact: boolean;
  readonly signal: AbortSignal | undefined;
}

export class VectorTarget {
  readonly definition: FieldDefinition;
  readonly #field: VectorField;
  /** In slots. */
  readonly #filter: RowFilter;
  /** Row of each slot; null where slots are rows. */
  readonly #rows: Uint32Array | null;
  readonly #rowCount: number;

  private constructor(field: VectorField, filter: RowFilter, rows: Uint32Array | null, rowCount: number) {
    this.definition = field.definition;
    this.#field = field;
    this.#filter = filter;
    this.#rows = rows;
    this.#rowCount = rowCount;
  }

  /** The vectors of a field that a filter of rows lets through. */
  static of(generation: Generation, filter: RowFilter, fieldName: string): VectorTarget {
    const named = generation.namedField(fieldName);
    if (named === null) return new VectorTarget(generation.primary, filter, null, filter.rowCount);
    const view = named.view(filter);
    return new VectorTarget(named.field, view.filter, view.rows, filter.rowCount);
  }

  /** The same vectors under another filter of the same snapshot. */
  among(filter: RowFilter): VectorTarget {
    const rows = this.#rows;
    if (rows === null) return new VectorTarget(this.#field, filter, null, this.#rowCount);
    const { mask: present, rowCount: slotCount } = this.#filter;
    const mask = new Uint32Array(Math.ceil(slotCount / 32));
    let count = 0;
    for (let slot = 0; slot < slotCount; slot++) {
      const bit = 1 << (slot & 31);
      if (present !== null && (present[slot >>> 5]! & bit) === 0) continue;
      const row = rows[slot]!;
      if (filter.mask !== null && (filter.mask[row >>> 5]! & (1 << (row & 31))) === 0) continue;
      mask[slot >>> 5]! |= bit;
      count += 1;
    }
    return new VectorTarget(this.#field, { ...this.#filter, mask, count, isNarrowed: true }, rows, this.#rowCount);
  }

  /** Number of rows that a search may return. */
  get matchCount(): number {
    return this.#filter.count;
  }

  /** Rows that a search may return, one bit each; null: all rows. */
  matches(): Uint32Array | null {
    const { mask, rowCount } = this.#filter;
    const rows = this.#rows;
    if (rows === null) return mask;
    const bits = new Uint32Array(Math.ceil(this.#rowCount / 32));
    for (let slot = 0; slot < rowCount; slot++) {
      if (mask !== null && (mask[slot >>> 5]! & (1 << (slot & 31))) === 0) continue;
      const row = rows[slot]!;
      bits[row >>> 5]! |= 1 << (row & 31);
    }
    return bits;
  }

  /** The best rows. Synchronous where everything is in memory and short. */
  search(ask: VectorAsk): FieldResult | Promise<FieldResult> {
    throwIfAborted(ask.signal);
    const { field, index: kept } = this.#field;
    if (field === null) return emptyResult;
    const { metric } = this.definition;
    const held = kept.hold();
    let isWaiting = false;
    try {
      const found = searchField(field, usableIndex(held, metric), this.#filter, { metric, ...ask });
      isWaiting = found instanceof Promise;
      if (!(found instanceof Promise)) return this.#inRows(found);
      return found.then((result) => this.#inRows(result)).finally(() => held?.release());
    } finally {
      if (!isWaiting) held?.release();
    }
  }

  /** Several searches, their queries row-major. */
  async searchBatch(queries: Float32Array, count: number, ask: Omit<VectorAsk, "query">): Promise<ScanResult[]> {
    const { metric } = this.definition;
    const results = await searchFieldBatch(this.#field, this.#filter, { metric, queries, ...ask }, count);
    return results.map((result) => this.#inRows(result));
  }

  /** All rows within a threshold, at most k. */
  async searchRange(ask: {
    readonly query: Float32Array;
    readonly k: number;
    readonly threshold: number;
    readonly signal: AbortSignal | undefined;
  }): Promise<ScanResult> {
    const { metric } = this.definition;
    return this.#inRows(await searchFieldRange(this.#field, this.#filter, { metric, ...ask }));
  }

  #inRows<R extends ScanResult>(result: R): R {
    const table = this.#rows;
    if (table === null) return result;
    return { ...result, rows: result.rows.map((slot) => table[slot]!) };
  }
}

/** A query vector for a field, checked; of any length while no write has fixed the dimension. */
export function queryFor(definition: FieldDefinition, vector: unknown): Float32Array {
  return queryVector(vector, queryDim(definition, vector), definition.metric);
}

/** Components that a query must have. */
export function queryDim({ dim, metric }: FieldDefinition, vector: unknown): number {
  if (dim !== null) return dim;
  const components = asComponents(vector, metric, null);
  return isVectorLike(components) ? (components as ArrayLike<number>).length : 1;
}

/** The definition of the field that a search is in. */
export function targetDefinition(generation: Generation, fieldName: string): FieldDefinition {
  return fieldDefinition(generation.store.config, fieldName);
}

/** Vectors of rows in a field, row-major; zeros where a row has none. */
export async function vectorsOfRows(
  generation: Generation,
  fieldName: string,
  rows: readonly number[],
): Promise<(Float32Array | null)[]> {
  const named = generation.namedField(fieldName);
  if (named === null) return generation.primary.readVectors(rows);
  const slots = rows.map((row) => named.slots.slotOf(row));
  const having = slots.filter((slot) => slot !== -1);
  const found = await named.field.readVectors(having);
  let at = 0;
  return slots.map((slot) => (slot === -1 ? null : found[at++]!));
}
