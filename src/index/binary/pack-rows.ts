/**
 * How do the rows of a field become packed bits?
 *
 * Read some at a time as float32 into scratch, packed from there to where they are to lie. Gives way in between.
 */
import { LynseError } from "../../errors.js";
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import { TimeSlice } from "../../time-slice.js";
import type { IndexRows } from "../vector-index.js";
import type { PackedKernel } from "./packed-kernel.js";

/** Bytes of float32 rows that are read at a time. */
const batchBytes = 512 * 1024;

export interface PackRun {
  readonly memory: KernelMemory;
  readonly kernel: PackedKernel;
  readonly rows: IndexRows;
  readonly from: number;
  /** Address for the row and the number of rows that have room from there on. */
  readonly placeOf: (row: number) => { readonly address: number; readonly room: number };
  /** Called when the rows before `row` are packed. */
  readonly onPacked: (row: number) => void;
  readonly signal: AbortSignal | undefined;
}

/** Packs the rows from `from` to the end of `rows`. */
export async function packRows(run: PackRun): Promise<void> {
  const { memory, kernel, rows, from, placeOf, onPacked, signal } = run;
  const { dim, rowCount } = rows;
  const batch = Math.max(1, Math.floor(batchBytes / (dim * 4)));
  const scratch = memory.acquireScratch(Math.min(batch, rowCount - from) * dim * 4);
  const slice = new TimeSlice();
  try {
    for (let row = from; row < rowCount; ) {
      throwIfAborted(signal);
      const { address, room } = placeOf(row);
      const count = Math.min(batch, room, rowCount - row);
      const reading = rows.read(row, row + count, new Float32Array(memory.buffer, scratch.address, count * dim));
      if (reading !== undefined) await reading;
      kernel.packRows(scratch.address, dim, count, address);
      row += count;
      onPacked(row);
      if (slice.isDue()) await slice.giveWay();
    }
  } finally {
    memory.releaseScratch(scratch);
  }
}

/** Throws `ABORTED` once the signal fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) {
    throw new LynseError("ABORTED", "the call was ended by its AbortSignal", {}, signal.reason);
  }
}
