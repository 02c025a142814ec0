/**
 * Which rows does training look at?
 *
 * A uniform sample without replacement of the rows that are not dead, in row order, the same for the same seed
 * (selection sampling: Knuth, *The Art of Computer Programming* vol. 2, 3.4.2, algorithm S).
 */
import { LynseError } from "../../errors.js";
import { SeededRandom } from "../../storage/seeded-random.js";
import { TimeSlice } from "../../time-slice.js";
import type { BuildContext, IndexRows } from "../vector-index.js";

/** Bytes of rows read at once. */
const chunkBytes = 1 << 20;
/** Bytes of a sample at most: more rows teach nothing new. */
const sampleBytesMax = 512 << 20;

/** Rows of [0, `rowCount`) that are not dead. */
function countLiving(rowCount: number, dead: Uint32Array | null): number {
  if (dead === null) return rowCount;
  let living = 0;
  for (let row = 0; row < rowCount; row++) {
    if ((((dead[row >>> 5] ?? 0) >>> (row & 31)) & 1) === 0) living++;
  }
  return living;
}

/** At most `wanted` rows, row-major. */
export async function sampleRows(
  rows: IndexRows,
  wanted: number,
  seed: number,
  { dead, signal }: Pick<BuildContext, "dead" | "signal">,
): Promise<Float32Array> {
  const { dim, rowCount } = rows;
  const random = new SeededRandom(seed);
  let remaining = countLiving(rowCount, dead);
  const rowsMax = Math.max(1, Math.floor(sampleBytesMax / (dim * 4)));
  let needed = Math.min(remaining, wanted, rowsMax);
  const sample = new Float32Array(needed * dim);
  const chunkRows = Math.max(1, Math.floor(chunkBytes / (dim * 4)));
  const chunk = new Float32Array(Math.min(rowCount, chunkRows) * dim);
  const slice = new TimeSlice();
  let filled = 0;
  for (let from = 0; from < rowCount && needed > 0; from += chunkRows) {
    if (signal?.aborted === true) {
      throw new LynseError("ABORTED", "the call was ended by its AbortSignal", {}, signal.reason);
    }
    const to = Math.min(rowCount, from + chunkRows);
    const read = rows.read(from, to, chunk.subarray(0, (to - from) * dim));
    if (read !== undefined) await read;
    for (let row = from; row < to && needed > 0; row++) {
      if (dead !== null && (((dead[row >>> 5] ?? 0) >>> (row & 31)) & 1) === 1) continue;
      const isTaken = needed === remaining || random.below(remaining) < needed;
      remaining--;
      if (!isTaken) continue;
      sample.set(chunk.subarray((row - from) * dim, (row - from + 1) * dim), filled);
      filled += dim;
      needed--;
    }
    if (slice.isDue()) await slice.giveWay();
  }
  return sample;
}
