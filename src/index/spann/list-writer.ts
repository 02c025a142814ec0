/**
 * How do rows get into the lists of a file?
 *
 * The rows that came new to a list are one run of blocks. Rows are read in order, once for each buffer of blocks that
 * is filled; peak memory is the buffer and a few words a row.
 */
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import type { BlockFile } from "../diskann/block-file.js";
import { type BlockShape, blockHeaderBytes } from "../diskann/block-shape.js";
import { forEachStretch, type RowStretch } from "../diskann/row-source.js";
import type { IndexRows } from "../vector-index.js";
import { noList } from "./list-choice.js";
import type { ListRun } from "./list-runs.js";

const bufferBytesMin = 32 << 20;
const bufferBytesMax = 512 << 20;
const bufferShare = 1 / 16;

/** How a node of a list is made. */
export interface NodeFormat {
  readonly nodeBytes: number;
  readonly blockNodes: number;
  /** Called once for each stretch of rows, before `write`. */
  begin(stretch: RowStretch): void;
  /** Writes the node of the `index`-th row of the stretch. */
  write(target: Uint8Array, offset: number, index: number, row: number): void;
}

export interface ListWork {
  readonly file: BlockFile;
  readonly shape: BlockShape;
  readonly source: IndexRows;
  /** The rows, ascending. */
  readonly rows: Uint32Array;
  /** `width` lists for each of the rows, of which the first `used` count. */
  readonly lists: Uint32Array;
  readonly width: number;
  readonly used: number;
  readonly listCount: number;
  readonly memory: KernelMemory;
  readonly signal: AbortSignal | undefined;
}

export interface WrittenLists {
  readonly runs: (ListRun | undefined)[];
  /** Node place of each row in its first list. */
  readonly places: Uint32Array;
  readonly fileBlocks: number;
}

/** Writes the rows to their lists, from block `firstBlock` on. */
export async function writeLists(work: ListWork, format: NodeFormat, firstBlock: number): Promise<WrittenLists> {
  const { rows, lists, width, used, listCount } = work;
  const { blockNodes } = format;
  const sizes = new Uint32Array(listCount);
  for (let i = 0; i < rows.length; i++) {
    for (let j = 0; j < used; j++) if (lists[i * width + j] !== noList) sizes[lists[i * width + j]!]!++;
  }
  const runs: (ListRun | undefined)[] = new Array(listCount).fill(undefined);
  const next = new Float64Array(listCount);
  const listOf: number[] = [];
  let fileBlocks = firstBlock;
  for (let list = 0; list < listCount; list++) {
    const blocks = Math.ceil(sizes[list]! / blockNodes);
    if (blocks === 0) continue;
    runs[list] = { place: fileBlocks, blocks };
    next[list] = fileBlocks * blockNodes;
    for (let i = 0; i < blocks; i++) listOf.push(list);
    fileBlocks += blocks;
  }
  // Node place of every row in every list, from the beginning of what is written.
  const nodes = new Uint32Array(rows.length * used).fill(noList);
  for (let i = 0; i < rows.length; i++) {
    for (let j = 0; j < used; j++) {
      const list = lists[i * width + j]!;
      if (list !== noList) nodes[i * used + j] = next[list]!++ - firstBlock * blockNodes;
    }
  }
  await writeNodes(work, format, firstBlock, listOf, nodes, sizes);
  const places = new Uint32Array(rows.length);
  for (let i = 0; i < rows.length; i++) places[i] = nodes[i * used]! + firstBlock * blockNodes;
  return { runs, places, fileBlocks };
}

async function writeNodes(
  { file, shape, source, rows, used, memory, signal }: ListWork,
  { nodeBytes, blockNodes, begin, write }: NodeFormat,
  firstBlock: number,
  listOf: readonly number[],
  nodes: Uint32Array,
  sizes: Uint32Array,
): Promise<void> {
  const { blockBytes } = shape;
  const aim = Math.min(bufferBytesMax, Math.max(bufferBytesMin, listOf.length * blockBytes * bufferShare));
  const together = Math.max(1, Math.min(listOf.length, Math.floor(aim / blockBytes)));
  const buffer = new Uint8Array(together * blockBytes);
  const left = Uint32Array.from(sizes);
  for (let first = 0; first < listOf.length; first += together) {
    const count = Math.min(together, listOf.length - first);
    const from = first * blockNodes;
    const to = (first + count) * blockNodes;
    buffer.fill(0);
    await forEachStretch(source, rows, memory, signal, (stretch) => {
      begin(stretch);
      for (let i = 0; i < stretch.count; i++) {
        for (let at = (stretch.first + i) * used; at < (stretch.first + i + 1) * used; at++) {
          const node = nodes[at]!;
          if (node < from || node >= to) continue;
          const block = Math.floor((node - from) / blockNodes);
          const offset = block * blockBytes + blockHeaderBytes + ((node - from) % blockNodes) * nodeBytes;
          write(buffer, offset, i, rows[stretch.first + i]!);
        }
      }
    });
    for (let block = 0; block < count; block++) {
      const list = listOf[first + block]!;
      const size = Math.min(blockNodes, left[list]!);
      left[list]! -= size;
      file.seal(buffer.subarray(block * blockBytes, (block + 1) * blockBytes), list, size);
    }
    await file.write(buffer.subarray(0, count * blockBytes), firstBlock + first);
  }
}
