/**
 * How does a generation go into a checkpoint, and come back?
 *
 * Everything here is derived from the log: a section that is missing or does not fit makes the generation begin with less,
 * or with nothing, and read the log for it.
 */
import type { KernelPool } from "../kernel/kernel-pool.js";
import { SparseIndex } from "../sparse/sparse-index.js";
import type { CheckpointSection } from "../storage/checkpoint-file.js";
import type { CollectionStore } from "../storage/collection-store.js";
import type { LogPosition } from "../storage/log-position.js";
import { VectorRanges } from "../storage/vector-ranges.js";
import type { Generation } from "./generation.js";
import { emptyParts, type GenerationParts } from "./generation-parts.js";
import type { MemoryBudget } from "./memory-budget.js";
import type { NamedFieldParts } from "./named-field.js";
import { RowTable } from "./row-table.js";
import { SlotTable } from "./slot-table.js";

/** Sections of a checkpoint of what is committed. */
export function checkpointSections({
  rows,
  rowCount,
  ranges,
  columns,
  named,
  sparse,
  text,
}: Generation): CheckpointSection[] {
  return [
    ...rows.serialize(rowCount),
    { name: "vectors.ranges", bytes: ranges.toBytes() },
    { name: "columns", bytes: columns.serialize() },
    ...named.flatMap(({ number, slots, field }) => [
      { name: `field.${number}.slots`, bytes: slots.toBytes() },
      { name: `field.${number}.ranges`, bytes: field.ranges.toBytes() },
    ]),
    ...prefixed("sparse", sparse?.serialize() ?? []),
    ...prefixed("text", text.serialize()),
  ];
}

/** Parts of a generation as its newest checkpoint keeps them; empty ones where there is none that can be used. */
export async function partsOfCheckpoint(
  store: CollectionStore,
  pool: KernelPool,
  budget: MemoryBudget | null,
): Promise<GenerationParts> {
  const empty = emptyParts(store, pool, budget);
  const checkpoint = await store.readCheckpoint();
  if (checkpoint === null) return empty;
  const { sections, position } = checkpoint;
  const rows = RowTable.deserialize(sections, position.rowCount);
  const ranges = VectorRanges.fromBytes(sections.get("vectors.ranges") ?? new Uint8Array(1));
  if (rows === null || ranges === null || ranges.rowCount !== position.rowCount) return empty;
  const attached = await attachedParts(sections, position);
  if (attached === null) return empty;
  const columnBytes = sections.get("columns");
  const textSections = sectionsOf(sections, "text");
  return { ...empty, rows, ranges, ...attached, textSections, columnBytes, position, checkpointBytes: position.bytes };
}

/** What hangs on the rows, as a checkpoint keeps it; null where it does not fit the position. */
async function attachedParts(
  sections: ReadonlyMap<string, Uint8Array>,
  { rowCount, slotCounts }: LogPosition,
): Promise<Pick<GenerationParts, "named" | "sparse"> | null> {
  const named: NamedFieldParts[] = [];
  for (const [number, count] of slotCounts.entries()) {
    const slots = SlotTable.fromBytes(sections.get(`field.${number}.slots`), count, rowCount);
    const ranges = VectorRanges.fromBytes(sections.get(`field.${number}.ranges`) ?? new Uint8Array(1));
    if (slots === null || ranges === null || ranges.rowCount !== count) return null;
    named.push({ slots, ranges, table: null });
  }
  const kept = sectionsOf(sections, "sparse");
  if (kept === null) return { named, sparse: null };
  const sparse = await SparseIndex.deserialize(Array.from(kept, ([name, bytes]) => ({ name, bytes })));
  return sparse === null ? null : { named, sparse };
}

/** The sections whose names begin with `prefix` and a dot, by the rest of their names; null where there are none. */
function sectionsOf(sections: ReadonlyMap<string, Uint8Array>, prefix: string): Map<string, Uint8Array> | null {
  const found = new Map<string, Uint8Array>();
  for (const [name, bytes] of sections)
    if (name.startsWith(`${prefix}.`)) found.set(name.slice(prefix.length + 1), bytes);
  return found.size === 0 ? null : found;
}

function prefixed(prefix: string, sections: readonly CheckpointSection[]): CheckpointSection[] {
  return sections.map(({ name, bytes }) => ({ name: `${prefix}.${name}`, bytes }));
}
