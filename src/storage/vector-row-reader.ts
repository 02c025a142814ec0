/**
 * How are single rows of a vector file read quickly?
 *
 * Rows that lie side by side are read together. Reads that the page cache answers take a microsecond or two, less than it
 * costs to hand one to another thread, so they are made on the calling thread; where they turn out to wait for a disk, the
 * rest is read side by side in the background. The rows are not verified: who asks has checksums of its own.
 */
import { corruptFile } from "./corrupt-file.js";
import type { FileHandle } from "./file-system.js";

/** Milliseconds of reads on the calling thread, after which the rest goes to the background. */
const waitMsMax = 1.5;
/** Reads between two looks at the clock. */
const readsPerLook = 8;
/** Background reads at the same time. */
const readsTogether = 16;
/** Bytes read in one go. */
const runBytesMax = 1 << 20;

/** Where the rows lie. */
export interface RowPlaces {
  readonly path: string;
  readonly handle: FileHandle;
  /** Bytes of a row. */
  readonly stride: number;
  /** Offset of a row. */
  bytesOf(row: number): number;
}

/** Fills `target` with the given rows, which ascend; a promise only where it takes long. */
export function readRowsAt(file: RowPlaces, rows: Uint32Array, target: Uint8Array): void | Promise<void> {
  const until = performance.now() + waitMsMax;
  let reads = 0;
  for (let at = 0; at < rows.length; ) {
    const end = runEnd(file, rows, at);
    const bytes = target.subarray(at * file.stride, end * file.stride);
    const position = file.bytesOf(rows[at]!);
    checkCount(file, file.handle.readNow(bytes, position), bytes.length, position);
    at = end;
    reads += 1;
    if (reads % readsPerLook === 0 && at < rows.length && performance.now() > until) {
      return readBeside(file, rows, target, at);
    }
  }
}

/** The same from position `from` on, several reads at a time. */
async function readBeside(file: RowPlaces, rows: Uint32Array, target: Uint8Array, from: number): Promise<void> {
  let at = from;
  const work = async (): Promise<void> => {
    while (at < rows.length) {
      const first = at;
      at = runEnd(file, rows, first);
      const bytes = target.subarray(first * file.stride, at * file.stride);
      const position = file.bytesOf(rows[first]!);
      checkCount(file, await file.handle.read(bytes, position), bytes.length, position);
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: readsTogether }, work));
  for (const end of ended) if (end.status === "rejected") throw end.reason;
}

/** Position after the rows from `at` on that lie side by side. */
function runEnd({ stride }: RowPlaces, rows: Uint32Array, at: number): number {
  let end = at + 1;
  while (end < rows.length && rows[end] === rows[end - 1]! + 1 && (end - at) * stride < runBytesMax) end += 1;
  return end;
}

function checkCount({ path }: RowPlaces, count: number, wanted: number, position: number): void {
  if (count < wanted) {
    throw corruptFile(path, position + count, "the file ends before the vectors that the log names");
  }
}
