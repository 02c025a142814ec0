/**
 * How do posting lists get into memory?
 *
 * Read whole and verified block by block, on the calling thread where the page cache answers at once, else together.
 */
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import type { BlockFile } from "../diskann/block-file.js";
import type { ListRun } from "./list-runs.js";

/** A read that takes longer was not answered by the page cache: milliseconds, and more for each MiB. */
const slowReadMs = 0.4;
const slowReadMsPerMiB = 2;
/** Slow reads in a row after which reads are awaited, and for how many rounds. */
const slowReadsMax = 2;
const awaitedRounds = 64;

/** A run to be read, and the number that its blocks bear; null: any. */
export interface WantedRun {
  readonly run: ListRun;
  readonly number: number | null;
}

export class ListReader {
  #slowReads = 0;
  #awaited = 0;

  /** Reads runs one after the other to `address`; a promise only where reads are slow. */
  read(
    file: BlockFile,
    memory: KernelMemory,
    wanted: readonly WantedRun[],
    address: number,
  ): Promise<void> | undefined {
    if (this.#awaited > 0) {
      this.#awaited--;
      return this.#readTogether(file, memory, wanted, address);
    }
    let at = address;
    for (const { run, number } of wanted) {
      const bytes = new Uint8Array(memory.buffer, at, run.blocks * file.blockBytes);
      const startedAt = performance.now();
      file.readNow(bytes, run.place);
      const limit = slowReadMs + (slowReadMsPerMiB * bytes.length) / (1 << 20);
      if (performance.now() - startedAt < limit) this.#slowReads = 0;
      else if (++this.#slowReads >= slowReadsMax) {
        this.#slowReads = 0;
        this.#awaited = awaitedRounds;
      }
      verifyRun(file, bytes, run, number);
      at += bytes.length;
    }
    return undefined;
  }

  async #readTogether(
    file: BlockFile,
    memory: KernelMemory,
    wanted: readonly WantedRun[],
    address: number,
  ): Promise<void> {
    let at = address;
    const reads = wanted.map(async ({ run, number }) => {
      const bytes = new Uint8Array(memory.buffer, at, run.blocks * file.blockBytes);
      at += bytes.length;
      await file.read(bytes, run.place);
      verifyRun(file, bytes, run, number);
    });
    const failed = (await Promise.allSettled(reads)).find((read) => read.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }
}

/** Throws `CORRUPT` unless every block of a run is as it was written. */
export function verifyRun(file: BlockFile, bytes: Uint8Array, { place, blocks }: ListRun, number: number | null): void {
  const { blockBytes } = file;
  for (let i = 0; i < blocks; i++) {
    const block = bytes.subarray(i * blockBytes, (i + 1) * blockBytes);
    if (number === null) file.verifyAny(block, place + i);
    else file.verify(block, number, place + i);
  }
}
