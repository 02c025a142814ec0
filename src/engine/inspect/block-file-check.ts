/**
 * Are the blocks of a disk index's file whole?
 *
 * Every block carries a checksum of its own. Blocks are only ever appended, so that a crash can leave some at the end that
 * are not whole and that no head names: those are passed over here, and an index that names one is refused when it is opened.
 */
import { sectorBytes } from "../../index/diskann/block-shape.js";
import type { FileSystem } from "../../storage/file-system.js";

/** Bytes of the header, see `index/diskann/block-file.ts`. */
const headerBytes = 40;
const blockBytesMax = 16 * 1024 * 1024;
const stepBytes = 4 * 1024 * 1024;

export function isBlockFile(name: string): boolean {
  return /^blocks-[0-9a-f]{8}\.lyn$/.test(name);
}

export interface BlockProblem {
  readonly offset: number;
  readonly problem: string;
  /** No whole block follows: a crash may have left it. */
  readonly isAtEnd: boolean;
}

/** What is wrong in the file at `path`. */
export async function checkBlockFile(
  fs: FileSystem,
  path: string,
  { onBytes, signal }: { readonly onBytes: (bytes: number) => void; readonly signal: AbortSignal | undefined },
): Promise<BlockProblem[]> {
  const handle = await fs.open(path, "read");
  try {
    const size = await handle.size();
    const head = new Uint8Array(headerBytes);
    const view = new DataView(head.buffer);
    const isThere = (await handle.read(head, 0)) === headerBytes;
    const blockBytes = view.getUint32(28, true);
    const isWhole = isThere && view.getUint32(12, true) === fs.crc32(head.subarray(16));
    if (!isWhole || new TextDecoder().decode(head.subarray(0, 8)) !== "LYNSEDSK") {
      return [{ offset: 0, problem: "the header does not match its checksum", isAtEnd: false }];
    }
    if (blockBytes < 16 || blockBytes > blockBytesMax)
      return [{ offset: 28, problem: "the size of a block is impossible", isAtEnd: false }];
    const salt = view.getUint32(32, true);
    const damaged: number[] = [];
    let lastWhole = -1;
    const perStep = Math.max(1, Math.floor(stepBytes / blockBytes));
    const buffer = new Uint8Array(perStep * blockBytes);
    for (let at = sectorBytes; at + blockBytes <= size; ) {
      const blocks = Math.min(perStep, Math.floor((size - at) / blockBytes));
      const count = await handle.read(buffer.subarray(0, blocks * blockBytes), at);
      for (let block = 0; (block + 1) * blockBytes <= count; block++) {
        const bytes = buffer.subarray(block * blockBytes, (block + 1) * blockBytes);
        const data = new DataView(bytes.buffer, bytes.byteOffset, 16);
        const isGood = data.getUint32(0, true) === fs.crc32(bytes.subarray(4)) && data.getUint32(12, true) === salt;
        if (isGood) lastWhole = at + block * blockBytes;
        else damaged.push(at + block * blockBytes);
      }
      onBytes(count);
      signal?.throwIfAborted();
      if (count < blocks * blockBytes) break;
      at += blocks * blockBytes;
    }
    const problem = "a block does not match its checksum";
    return damaged.map((offset) => ({ offset, problem, isAtEnd: offset > lastWhole }));
  } finally {
    await handle.close();
  }
}
