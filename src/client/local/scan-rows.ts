/**
 * How are all rows of an embedded collection read?
 *
 * From one generation, which stays open meanwhile, and one state of it: which rows match, and what hangs on them, are taken
 * in one turn. A batch of rows is in memory at a time, and four bytes a row for each named field that is asked for.
 */
import type { CollectionEngine } from "../../engine/collection-engine.js";
import type { Generation } from "../../engine/generation.js";
import type { NamedField } from "../../engine/named-field.js";
import { noRow, type SlotSnapshot } from "../../engine/slot-table.js";
import type { SparseView } from "../../engine/sparse-view.js";
import { rowsOf, withFilter } from "../../query/row-filter.js";
import type { Fields } from "../../types.js";
import type { Row } from "../collection.js";
import type { ScanInput } from "../input/scan-input.js";

/** Rows that match, in order of insertion. */
export async function* scanRows<F extends Fields>(
  engine: CollectionEngine,
  { where, batchSize, returnVectors, returnNamedVectors, returnSparse }: ScanInput,
): AsyncGenerator<Row<F>, undefined> {
  const { generation } = engine;
  const release = generation.hold();
  let attached: Attached | null = null;
  try {
    const filter = await withFilter(generation, { where, filterIds: null, signal: undefined }, (found) => {
      if (returnNamedVectors || returnSparse) attached = new Attached(generation, returnNamedVectors, returnSparse);
      return found;
    });
    const hanging = attached as Attached | null;
    for (let from = 0; from < filter.rowCount; ) {
      engine.checkOpen();
      const rows = rowsOf(filter, from, batchSize);
      if (rows.length === 0) return;
      const fields = (await generation.fieldsOf(rows)) as F[];
      const vectors = returnVectors ? await generation.vectorsOf(rows) : null;
      const others = (await hanging?.of(rows)) ?? null;
      for (const [at, row] of rows.entries()) {
        const plain = { id: generation.rows.idAt(row), field: fields[at]! };
        const whole = vectors === null ? plain : { ...plain, vector: vectors[at]! };
        yield others === null ? whole : { ...whole, ...others[at] };
      }
      from = rows.at(-1)! + 1;
    }
  } finally {
    (attached as Attached | null)?.release();
    await release();
  }
}

type AttachedOf = Pick<Row, "vectors" | "sparse">;

/** The vectors of one named field by row. */
interface FieldSlots {
  readonly field: NamedField;
  /** Slot of each row plus 1, 0 for none. */
  readonly slots: Uint32Array;
}

/** What hangs on rows, as it is when it is made. */
class Attached {
  readonly #fields: readonly FieldSlots[];
  readonly #sparse: SparseView | null;

  constructor(generation: Generation, hasNamed: boolean, hasSparse: boolean) {
    const { named, rowCount } = generation;
    const filled = hasNamed ? named.filter(({ slots }) => slots.count > 0) : [];
    this.#fields = filled.map((field) => ({ field, slots: slotsByRow(field.slots.snapshot(), rowCount) }));
    this.#sparse = hasSparse ? generation.sparseView() : null;
  }

  /** For each of the rows. */
  async of(rows: readonly number[]): Promise<AttachedOf[]> {
    const vectors = rows.map((): Record<string, Float32Array> => ({}));
    const isBare = new Uint8Array(rows.length).fill(1);
    for (const { field, slots } of this.#fields) {
      const having = rows.flatMap((row, at) => (slots[row]! === 0 ? [] : [at]));
      if (having.length === 0) continue;
      const found = await field.field.readVectors(having.map((at) => slots[rows[at]!]! - 1));
      for (const [number, at] of having.entries()) {
        // A field may be called __proto__.
        Object.defineProperty(vectors[at]!, field.name, { value: found[number]!, ...plainProperty });
        isBare[at] = 0;
      }
    }
    return rows.map((row, at) => {
      const sparse = this.#sparse?.get(row) ?? null;
      return {
        ...(isBare[at] === 1 ? {} : { vectors: vectors[at]! }),
        // Copied: the caller's own.
        ...(sparse === null || sparse.indices.length === 0
          ? {}
          : { sparse: { indices: sparse.indices.slice(), values: sparse.values.slice() } }),
      };
    });
  }

  release(): void {
    this.#sparse?.release();
  }
}

const plainProperty = { enumerable: true, writable: true, configurable: true } as const;

function slotsByRow({ rows, count }: SlotSnapshot, rowCount: number): Uint32Array {
  const slots = new Uint32Array(rowCount);
  for (let slot = 0; slot < count; slot++) {
    const row = rows[slot]!;
    if (row !== noRow && row < rowCount) slots[row] = slot + 1;
  }
  return slots;
}
