/** How are the rows of a field read for a graph? In chunks, mapped to its space, the dead among them known. */
import { LynseError } from "../../errors.js";
import type { IndexRows } from "../vector-index.js";
import type { WalkSpace } from "./walk-space.js";

/** Bytes of float32 rows read at a time. */
const chunkBytes = 1 << 19;

/** Rows of `dim` components read at a time. */
export function chunkRowsOf(dim: number): number {
  return Math.max(1, Math.floor(chunkBytes / (4 * dim)));
}

/** Copies the rows [from, to) into `target`, mapped. */
export async function readMapped(
  space: WalkSpace,
  rows: IndexRows,
  from: number,
  to: number,
  target: Float32Array,
): Promise<void> {
  const { map } = space;
  if (map === null) {
    await rows.read(from, to, target);
    return;
  }
  const source = new Float32Array((to - from) * rows.dim);
  await rows.read(from, to, source);
  for (let row = 0; row < to - from; row++) map(source, row * rows.dim, target, row * space.dim);
}

/** True where a row's bit is set. */
export function isSet(mask: Uint32Array | null, row: number): boolean {
  return mask !== null && (((mask[row >>> 5] ?? 0) >>> (row & 31)) & 1) === 1;
}

/** Ends a build whose caller does not want it any more. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new LynseError("ABORTED", "the call was ended by its AbortSignal", {}, signal.reason);
}
