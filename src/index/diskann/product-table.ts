/**
 * How does a table of SQ8 codes become one of shorter codes, and back?
 *
 * The words of product codes are learnt from a sample of what the SQ8 codes stand for; tasks of the pool code the nodes.
 * To add nodes, all codes are decoded to SQ8 again for as long as that takes: neighbours are chosen by distances between
 * nodes, which the others do not give.
 */
import { KernelMemory } from "../../kernel/kernel-memory.js";
import { TimeSlice } from "../../time-slice.js";
import { trainCodebook } from "../quantizer/product-codebook.js";
import type { BuildContext } from "../vector-index.js";
import { copyGivingWay } from "./copy-giving-way.js";
import { diskModuleSource } from "./disk-kernel.js";
import { EntryChains } from "./entry-chains.js";
import { codeStride, NodeTable, subspaceWidth, type TableShape } from "./node-table.js";

/** Nodes that words are learnt from, nodes decoded without giving way, and nodes coded in a task. */
const sampleNodes = 32_768;
const decodedTogether = 1024;
const taskNodes = 256;

/** Bytes of a decoded vector with the padding of its last part. */
function decodedBytes(shape: TableShape): number {
  return 4 * (shape.dim + Math.max(4, subspaceWidth(shape)) * 2);
}

/** Fills the code book of `target` from nodes of `source`, which lies in another memory. */
export async function trainBook(
  source: NodeTable,
  target: NodeTable,
  seed: number,
  { pool, signal }: Pick<BuildContext, "pool" | "signal">,
): Promise<void> {
  const { dim, subspaces } = target.shape;
  const { memory, kernel, nodeCount } = source;
  const step = Math.max(1, Math.floor(nodeCount / sampleNodes));
  const nodes = Uint32Array.from({ length: Math.floor(nodeCount / step) }, (_, i) => i * step);
  const list = memory.acquireScratch(nodes.byteLength);
  const decoded = memory.acquireScratch(4 * dim * nodes.length);
  const place = memory.acquireScratch(decodedBytes(target.shape));
  new Uint32Array(memory.buffer, list.address, nodes.length).set(nodes);
  const slice = new TimeSlice();
  for (let at = 0; at < nodes.length; at += decodedTogether) {
    const count = Math.min(decodedTogether, nodes.length - at);
    const target = decoded.address + 4 * dim * at;
    kernel.decodeNodes(source.address, list.address + 4 * at, count, target, place.address);
    if (slice.isDue()) await slice.giveWay();
  }
  const sample = new Float32Array(memory.buffer, decoded.address, dim * nodes.length).slice();
  for (const scratch of [list, decoded, place]) memory.releaseScratch(scratch);
  const { words, subDim } = await trainCodebook(sample, dim, subspaces, { pool, signal, seed });
  const { book } = target;
  for (let part = 0; part * subDim < dim; part++) {
    const size = Math.min(subDim, dim - part * subDim);
    for (let word = 0; word < 256; word++) {
      const from = 256 * subDim * part + word * size;
      book.set(words.subarray(from, from + size), (256 * part + word) * subDim);
    }
  }
}

/**
 * Codes of a table of `shape` for nodes of `source`, which need not be in the same order: node i is source's
 * `order[i]`. `pattern` gives centre and code book.
 */
export async function recode(
  source: NodeTable,
  pattern: NodeTable,
  order: Uint32Array | null,
  { pool, signal }: Pick<BuildContext, "pool" | "signal">,
): Promise<NodeTable> {
  const count = order?.length ?? source.nodeCount;
  const memory = new KernelMemory();
  const from = await source.copyTo(memory);
  const to = NodeTable.create(pattern.shape, count, 0, memory);
  to.centre.set(pattern.centre);
  if (pattern.shape.kind === "pq") to.book.set(pattern.book);
  to.squareMax = source.squareMax;
  let orderAddress = 0;
  if (order !== null) {
    orderAddress = memory.allocate(4 * count);
    new Uint32Array(memory.buffer, orderAddress, count).set(order);
  }
  const wide = Math.max(decodedBytes(source.shape), decodedBytes(pattern.shape));
  const places = Array.from({ length: pool.threads }, () => memory.allocate(wide));
  let given = 0;
  const next = (slot: number) => {
    if (given >= count) return null;
    const first = given;
    given = Math.min(count, first + taskNodes);
    const args = [from.address, to.address, orderAddress, first, given, places[slot]!];
    return { module: diskModuleSource, memory: memory.memory, name: "recodeNodes", args };
  };
  await pool.run(next, { signal });
  return to;
}

/** A table of the same codes as SQ8 with room for `extra` more nodes, in a memory of its own. */
export async function decodedTable(
  source: NodeTable,
  extra: number,
  context: Pick<BuildContext, "pool" | "signal">,
): Promise<NodeTable> {
  const shape = { ...source.shape, kind: "sq8", subspaces: 0 } as const;
  const pattern = NodeTable.create(shape, 0, 0);
  pattern.centre.set(source.centre);
  const decoded = await recode(source, pattern, null, context);
  const table = NodeTable.create(shape, source.nodeCount + extra, 0);
  await copyGivingWay(table.codes, decoded.codes, new TimeSlice());
  table.scalars.set(decoded.scalars);
  table.centre.set(source.centre);
  table.squareMax = source.squareMax;
  table.setEntries(new EntryChains(table.memory, source.entries.lists(), 0));
  return table;
}

/** Sets the codes of `target` from node `first` on to those of the nodes of `source`, coded anew. */
export async function appendCodes(
  source: NodeTable,
  target: NodeTable,
  first: number,
  context: Pick<BuildContext, "pool" | "signal">,
): Promise<void> {
  const order = Uint32Array.from({ length: target.nodeCount - first }, (_, i) => first + i);
  const coded = await recode(source, target, order, context);
  target.codes.set(coded.codes, first * codeStride(target.shape));
  if (target.scalars.length > 0) target.scalars.set(coded.scalars, 2 * first);
}
