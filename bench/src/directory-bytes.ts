/**
 * How many bytes do the files of a directory take?
 */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

export interface DirectoryBytes {
  /** Lengths of the files. */
  readonly apparent: number;
  /** Blocks that the file system gave them. */
  readonly allocated: number;
  readonly files: number;
}

/** All files below `directory`, at any depth. */
export function bytesBelow(directory: string): DirectoryBytes {
  let apparent = 0;
  let allocated = 0;
  let files = 0;
  for (const name of readdirSync(directory, { recursive: true })) {
    const stats = statSync(join(directory, String(name)));
    if (!stats.isFile()) continue;
    apparent += stats.size;
    allocated += stats.blocks * 512;
    files += 1;
  }
  return { apparent, allocated, files };
}
