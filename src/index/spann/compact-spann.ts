/**
 * How do lists of many runs become whole again?
 *
 * Each extension adds a run to every list that it touches, and runs end in half-empty blocks. All lists are copied to a
 * new file, one run each. The old file is left to whoever still needs it.
 */
import { BlockFile, throwIfAborted } from "../diskann/block-file.js";
import { blockHeaderBytes } from "../diskann/block-shape.js";
import type { BuildContext } from "../vector-index.js";
import { verifyRun } from "./list-reader.js";
import { type ListRun, ListRuns } from "./list-runs.js";
import { codeNodeBytes, codeNodes, SpannState } from "./spann-state.js";

/** The same state in a file of its own, one run a list. */
export async function compactSpann(state: SpannState, context: BuildContext): Promise<SpannState> {
  const { shape, codes, vectors } = state;
  const file = await BlockFile.create(context.folder, { kind: "lists", ...shape });
  try {
    const places = state.places.slice();
    const { blockNodes, nodeBytes, vectorBytes } = shape;
    const moved = (node: Uint8Array, from: number, to: number): void => {
      const row = new DataView(node.buffer, node.byteOffset).getUint32(vectorBytes, true);
      if (state.places[row] === from) places[row] = to;
    };
    const vectorRuns = await copyLists(state, vectors, { file, nodeBytes, blockNodes, firstBlock: 0, moved }, context);
    let fileBlocks = blocksOf(vectorRuns);
    let codeRuns: ListRuns | null = null;
    if (codes !== null) {
      const target = { nodeBytes: codeNodeBytes(shape), blockNodes: codeNodes(shape), moved: () => {} };
      codeRuns = await copyLists(state, codes, { file, firstBlock: fileBlocks, ...target }, context);
      fileBlocks += blocksOf(codeRuns);
    }
    await file.sync();
    return new SpannState({ ...state, file, vectors: vectorRuns, codes: codeRuns, places, fileBlocks });
  } catch (error) {
    await file.remove();
    throw error;
  }
}

function blocksOf(runs: ListRuns): number {
  return runs.lists.reduce((sum, _, list) => sum + runs.blocksOf(list), 0);
}

interface CopyTarget {
  readonly file: BlockFile;
  readonly nodeBytes: number;
  readonly blockNodes: number;
  readonly firstBlock: number;
  /** Called for each node with its place in the old file and in the new one. */
  readonly moved: (node: Uint8Array, from: number, to: number) => void;
}

async function copyLists(
  { file, shape, listCount }: SpannState,
  runs: ListRuns,
  target: CopyTarget,
  context: BuildContext,
): Promise<ListRuns> {
  const { blockBytes } = shape;
  const { nodeBytes, blockNodes } = target;
  const lists: ListRun[][] = [];
  let next = target.firstBlock;
  for (let list = 0; list < listCount; list++) {
    const copy = new Uint8Array(runs.blocksOf(list) * blockBytes);
    let count = 0;
    for (const run of runs.lists[list]!) {
      const bytes = new Uint8Array(run.blocks * blockBytes);
      await file.read(bytes, run.place);
      verifyRun(file, bytes, run, list);
      const view = new DataView(bytes.buffer);
      for (let block = 0; block < run.blocks; block++) {
        const nodes = Math.min(blockNodes, view.getUint32(block * blockBytes + 8, true));
        for (let i = 0; i < nodes; i++, count++) {
          const from = block * blockBytes + blockHeaderBytes + i * nodeBytes;
          const node = bytes.subarray(from, from + nodeBytes);
          const place = Math.floor(count / blockNodes) * blockBytes + blockHeaderBytes;
          copy.set(node, place + (count % blockNodes) * nodeBytes);
          target.moved(node, (run.place + block) * blockNodes + i, next * blockNodes + count);
        }
      }
    }
    const blocks = Math.ceil(count / blockNodes);
    for (let block = 0; block < blocks; block++) {
      const size = Math.min(blockNodes, count - block * blockNodes);
      target.file.seal(copy.subarray(block * blockBytes, (block + 1) * blockBytes), list, size);
    }
    if (blocks > 0) await target.file.write(copy.subarray(0, blocks * blockBytes), next);
    lists.push(blocks > 0 ? [{ place: next, blocks }] : []);
    next += blocks;
    throwIfAborted(context.signal);
  }
  return new ListRuns(lists);
}
