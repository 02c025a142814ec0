/**
 * How does a file get rid of blocks that were written again?
 *
 * The blocks in use are copied to a new file, in the order of their numbers. The old file is left to whoever still
 * needs it.
 */
import type { BuildContext } from "../vector-index.js";
import { BlockFile, throwIfAborted } from "./block-file.js";
import { DiskGraph } from "./disk-graph.js";

const copyBytes = 4 << 20;

/** The same state in a file of its own. */
export async function compactGraph(graph: DiskGraph, context: BuildContext): Promise<DiskGraph> {
  const { shape, file: from, places, table, leftOut, blockCount } = graph;
  const { blockNodes, blockBytes } = shape;
  const file = await BlockFile.create(context.folder, { kind: "graph", ...shape });
  try {
    const together = Math.max(1, Math.floor(copyBytes / blockBytes));
    const buffer = new Uint8Array(Math.min(together, blockCount) * blockBytes);
    for (let first = 0; first < blockCount; first += together) {
      const count = Math.min(together, blockCount - first);
      for (let block = first; block < first + count; block++) {
        const bytes = buffer.subarray((block - first) * blockBytes, (block - first + 1) * blockBytes);
        await from.read(bytes, places[block]!);
        from.verify(bytes, block, places[block]!);
        file.seal(bytes, block, Math.min(blockNodes, table.nodeCount - block * blockNodes));
      }
      await file.write(buffer.subarray(0, count * blockBytes), first);
      throwIfAborted(context.signal);
    }
    await file.sync();
  } catch (error) {
    await file.remove();
    throw error;
  }
  const inOrder = Uint32Array.from(places, (_, block) => block);
  return new DiskGraph({ shape, table, file, places: inOrder, leftOut, fileBlocks: blockCount });
}
