/**
 * What is a generation put together from?
 *
 * What a checkpoint held, what a compaction has written, or nothing yet. Parts belong to the generation that is made of them.
 */
import type { KernelPool } from "../kernel/kernel-pool.js";
import type { VectorTable } from "../kernel/vector-table.js";
import type { SparseIndex } from "../sparse/sparse-index.js";
import type { CollectionStore } from "../storage/collection-store.js";
import type { LogPosition } from "../storage/log-position.js";
import { VectorRanges } from "../storage/vector-ranges.js";
import type { MemoryBudget } from "./memory-budget.js";
import type { NamedFieldParts } from "./named-field.js";
import type { Renumbering } from "./renumbering.js";
import { RowTable } from "./row-table.js";

/** What a generation is made of. */
export interface GenerationParts {
  readonly store: CollectionStore;
  readonly pool: KernelPool;
  /** What the memory of all open collections has to fit into; null: nothing. */
  readonly budget: MemoryBudget | null;
  readonly rows: RowTable;
  readonly ranges: VectorRanges;
  readonly vectors: VectorTable | null;
  /** Named vector fields by number; those that are missing have no vectors. */
  readonly named: readonly NamedFieldParts[];
  readonly sparse: SparseIndex | null;
  /** Sections of the text index in the checkpoint. */
  readonly textSections: ReadonlyMap<string, Uint8Array> | null;
  readonly columnBytes: Uint8Array | undefined;
  readonly position: LogPosition | null;
  /** Log position of the newest checkpoint, bytes. */
  readonly checkpointBytes: number;
  /** How the compactions that led here renumbered the rows; none for a generation that was opened. */
  readonly renumberings?: readonly Renumbering[];
}

/** Parts of what has nothing yet. */
export function emptyParts(
  store: CollectionStore,
  pool: KernelPool,
  budget: MemoryBudget | null = null,
): GenerationParts {
  return {
    store,
    pool,
    budget,
    rows: new RowTable(),
    ranges: new VectorRanges(),
    vectors: null,
    named: [],
    sparse: null,
    textSections: null,
    columnBytes: undefined,
    position: null,
    checkpointBytes: 0,
  };
}
