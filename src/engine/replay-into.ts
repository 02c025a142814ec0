/**
 * How does memory take in a log?
 *
 * Rows go beyond the visible ones at once. What changes rows that are visible, or hangs on rows, waits until everything is
 * there that belongs to it: reads that run meanwhile must not see it before.
 */
import type { ReplayVisitor } from "../storage/replay-visitor.js";
import type { Generation } from "./generation.js";
import type { GenerationParts } from "./generation-parts.js";
import { SparseRows } from "./sparse-rows.js";
import { appendStoredRows } from "./stored-rows.js";

/** Changes of state in the order of the log: they apply together with the rows becoming visible. */
export type Changes = (() => void)[];

/** Takes in rows, and their deaths. */
export function replayRows(to: Pick<GenerationParts, "rows" | "ranges">, changes: Changes): ReplayVisitor {
  const { rows } = to;
  return {
    rows: (part) => appendStoredRows(to, part, part.ids),
    superseded: (numbers) => changes.push(() => numbers.forEach((row) => void rows.markSuperseded(row))),
    deleted: (numbers) => changes.push(() => numbers.forEach((row) => void rows.markDeleted(row))),
    restored: (numbers) => changes.push(() => numbers.forEach((row) => void rows.markRestored(row))),
    moved: () => {},
    fieldVectors: () => {},
    sparse: () => {},
  };
}

/** Takes in all that a generation has in memory, but for vectors; sparse ones are listed, to be read. */
export function replayAll(generation: Generation, changes: Changes, sparse: SparseRows[]): ReplayVisitor {
  return {
    ...replayRows(generation, changes),
    moved: (from, to) => changes.push(() => generation.moveAttached(from, to)),
    fieldVectors: (part) => {
      const { slots, field } = generation.named[part.fieldNumber]!;
      field.ranges.push(part.count, part.vectorsCrc);
      changes.push(() => slots.attach(part.rows));
    },
    sparse: (part) => {
      const stored = new SparseRows(part);
      sparse.push(stored);
      changes.push(() => generation.setSparse(stored.rows, stored.vectors));
    },
  };
}
