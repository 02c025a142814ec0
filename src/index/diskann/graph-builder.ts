/**
 * How does an index on disk come to be from rows?
 *
 * Codes of all rows, the graph over them in memory, an order of the nodes in which neighbours share blocks, then the
 * file, for which the rows are read again. Peak memory is codes, graph and a buffer of blocks; vectors are never in
 * memory together. A file that is not finished is removed.
 */
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import { SeededRandom } from "../../storage/seeded-random.js";
import { TimeSlice } from "../../time-slice.js";
import type { BuildContext, IndexParameters, IndexRows } from "../vector-index.js";
import { BlockFile } from "./block-file.js";
import { orderNodes } from "./block-order.js";
import { type BlockShape, blockShape } from "./block-shape.js";
import { copyGivingWay } from "./copy-giving-way.js";
import { DiskGraph } from "./disk-graph.js";
import { EntryChains } from "./entry-chains.js";
import { chooseEntries, ownersOf, renumbered } from "./entry-choice.js";
import { buildLinks, type GraphLinks } from "./graph-links.js";
import { codeStride, NodeTable, noNode, type TableShape } from "./node-table.js";
import { recode, trainBook } from "./product-table.js";
import { forEachStretch, liveRows, meanOfRows } from "./row-source.js";

/** Bytes of blocks that are filled together, at least and at most; a sixteenth of the file between. */
const bufferBytesMin = 32 << 20;
const bufferBytesMax = 512 << 20;
const bufferShare = 1 / 16;

/** Nodes, and blocks, after which the clock is looked at. */
const nodesUnwatched = 256;
const blocksUnwatched = 64;

/** What an index is asked to be. */
export interface GraphRequest {
  readonly shape: TableShape;
  readonly parameters: IndexParameters;
}

export async function buildGraph(request: GraphRequest, source: IndexRows, context: BuildContext): Promise<DiskGraph> {
  const live = liveRows(context.dead, 0, source.rowCount);
  const { parameters } = request;
  const shape = blockShape(source.dim, parameters["maxDegree"]!);
  const coded = await codeRows(request, source, live, context);
  const order = await randomOrder(live.length, parameters["seed"]!);
  await chooseEntries(coded, order, context);
  const graph = await buildLinks(coded, {
    maxDegree: shape.maxDegree,
    listSize: Math.max(parameters["searchListSize"]!, shape.maxDegree),
    alpha: parameters["alpha"]!,
    order,
    threads: parameters["threads"]! || context.pool.threads,
    pool: context.pool,
    signal: context.signal,
    onProgress: (done, total) => context.onProgress(Math.floor((done / total) * live.length * 0.9), live.length),
  });
  const { leaders, nodes } = coded.entries.lists();
  const { nodeAt, unreached } = await orderNodes(graph, live.length, shape.blockNodes, [...leaders, ...nodes]);
  const table = await tableInOrder(coded, request, nodeAt, live, source.rowCount, context);
  await setEntries(table, coded, nodeAt, unreached, context);
  const fileShape = { kind: "graph", ...shape } as const;
  const file = await BlockFile.create(context.folder, fileShape);
  try {
    await writeBlocks(file, shape, graph, nodeAt, live, source, coded.memory, context);
    await file.sync();
  } catch (error) {
    await file.remove();
    throw error;
  }
  const blocks = Math.ceil(live.length / shape.blockNodes);
  const places = Uint32Array.from({ length: blocks }, (_, block) => block);
  const leftOut = source.rowCount - live.length;
  return new DiskGraph({ shape, table, file, places, leftOut, fileBlocks: blocks });
}

/** Codes all live rows to SQ8, in their order. */
async function codeRows(
  { shape: { metric } }: GraphRequest,
  source: IndexRows,
  live: Uint32Array,
  context: BuildContext,
): Promise<NodeTable> {
  const { dim } = source;
  const table = NodeTable.create({ dim, metric, kind: "sq8", subspaces: 0 }, live.length, 0);
  const { kernel, address, memory } = table;
  if (metric !== "ip") table.centre.set(await meanOfRows(source, live, metric === "cos"));
  let squareMax = 0;
  await forEachStretch(source, live, memory, context.signal, ({ first, count, address: vectors }) => {
    squareMax = Math.max(squareMax, kernel.encodeNodes(address, first, count, vectors, 4 * dim));
  });
  if (metric === "ip") table.squareMax = squareMax;
  return table;
}

/** The table of the finished index: codes in the order of places, and the maps of rows. */
async function tableInOrder(
  coded: NodeTable,
  { shape, parameters }: GraphRequest,
  nodeAt: Uint32Array,
  live: Uint32Array,
  rowCount: number,
  context: BuildContext,
): Promise<NodeTable> {
  const table = NodeTable.create(shape, nodeAt.length, rowCount);
  const slice = new TimeSlice();
  const { rows, nodes } = table;
  nodes.fill(noNode);
  for (let place = 0; place < nodeAt.length; place++) {
    const row = live[nodeAt[place]!]!;
    rows[place] = row;
    nodes[row] = place;
    if (place % nodesUnwatched === 0 && slice.isDue()) await slice.giveWay();
  }
  table.centre.set(coded.centre);
  table.squareMax = coded.squareMax;
  if (shape.kind !== "sq8" && nodeAt.length > 0) {
    if (shape.kind === "pq") await trainBook(coded, table, parameters["seed"]!, context);
    const recoded = await recode(coded, table, nodeAt, context);
    await copyGivingWay(table.codes, recoded.codes, slice);
    table.scalars.set(recoded.scalars);
  } else await copyInOrder(coded, table, nodeAt, slice);
  return table;
}

/** Sets the entries of the finished table: those of the build, and the nodes that they do not lead to. */
async function setEntries(
  table: NodeTable,
  coded: NodeTable,
  nodeAt: Uint32Array,
  unreached: Uint32Array,
  context: BuildContext,
): Promise<void> {
  const owners = await ownersOf(coded, unreached, context);
  const known = coded.entries.lists();
  const lists = {
    leaders: known.leaders,
    nodes: concatenated(known.nodes, unreached),
    owners: concatenated(known.owners, owners),
  };
  table.setEntries(new EntryChains(table.memory, renumbered(lists, placesOf(nodeAt)), lists.nodes.length >>> 3));
}

function concatenated(a: Uint32Array, b: Uint32Array): Uint32Array {
  const both = new Uint32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** The place of each node. */
function placesOf(nodeAt: Uint32Array): Uint32Array {
  const placeOf = new Uint32Array(nodeAt.length);
  for (let place = 0; place < nodeAt.length; place++) placeOf[nodeAt[place]!] = place;
  return placeOf;
}

/** The numbers below `count` in a random order (Fisher and Yates). */
async function randomOrder(count: number, seed: number): Promise<Uint32Array> {
  const slice = new TimeSlice();
  const random = new SeededRandom(seed);
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const j = random.below(i + 1);
    order[i] = order[j]!;
    order[j] = i;
    if (i % nodesUnwatched === 0 && slice.isDue()) await slice.giveWay();
  }
  return order;
}

async function copyInOrder(coded: NodeTable, table: NodeTable, nodeAt: Uint32Array, slice: TimeSlice): Promise<void> {
  const stride = codeStride(table.shape);
  const { codes, scalars } = table;
  const from = { codes: coded.codes, scalars: coded.scalars };
  for (let place = 0; place < nodeAt.length; place++) {
    const node = nodeAt[place]!;
    codes.set(from.codes.subarray(node * stride, (node + 1) * stride), place * stride);
    scalars[2 * place] = from.scalars[2 * node]!;
    scalars[2 * place + 1] = from.scalars[2 * node + 1]!;
    if (place % nodesUnwatched === 0 && slice.isDue()) await slice.giveWay();
  }
}

/** Writes all blocks; the rows are read in order once for each buffer of blocks. */
async function writeBlocks(
  file: BlockFile,
  shape: BlockShape,
  graph: GraphLinks,
  nodeAt: Uint32Array,
  live: Uint32Array,
  source: IndexRows,
  memory: KernelMemory,
  context: BuildContext,
): Promise<void> {
  const { dim, blockNodes, blockBytes } = shape;
  const placeOf = placesOf(nodeAt);
  const slice = new TimeSlice();
  const blocks = Math.ceil(nodeAt.length / blockNodes);
  const aim = Math.min(bufferBytesMax, Math.max(bufferBytesMin, blocks * blockBytes * bufferShare));
  const together = Math.max(1, Math.min(blocks, Math.floor(aim / blockBytes)));
  const buffer = new Uint8Array(together * blockBytes);
  const floats = new Float32Array(buffer.buffer);
  const words = new Uint32Array(buffer.buffer);
  for (let first = 0; first < blocks; first += together) {
    const count = Math.min(together, blocks - first);
    const from = first * blockNodes;
    const to = Math.min(nodeAt.length, (first + count) * blockNodes);
    for (let place = from; place < to; place++) {
      if (place % blockNodes === 0)
        buffer.fill(0, ((place - from) / blockNodes) * blockBytes, ((place - from) / blockNodes + 1) * blockBytes);
      writeLinks(words, nodeOffset(shape, place - from), shape, graph, nodeAt[place]!, placeOf, live);
      if (place % nodesUnwatched === 0 && slice.isDue()) await slice.giveWay();
    }
    await forEachStretch(source, live, memory, context.signal, (stretch) => {
      for (let i = 0; i < stretch.count; i++) {
        const place = placeOf[stretch.first + i]!;
        if (place < from || place >= to) continue;
        // A loop, since views would be a million objects.
        const { vectors } = stretch;
        let at = nodeOffset(shape, place - from) >>> 2;
        for (let j = i * dim; j < (i + 1) * dim; j++) floats[at++] = vectors[j]!;
      }
    });
    for (let block = 0; block < count; block++) {
      const bytes = buffer.subarray(block * blockBytes, (block + 1) * blockBytes);
      file.seal(bytes, first + block, Math.min(blockNodes, nodeAt.length - (first + block) * blockNodes));
      if (block % blocksUnwatched === 0 && slice.isDue()) await slice.giveWay();
    }
    await file.write(buffer.subarray(0, count * blockBytes), first);
    context.onProgress(Math.floor((0.9 + (0.1 * to) / nodeAt.length) * live.length), live.length);
  }
}

/** Where the `index`-th node of consecutive blocks lies. */
function nodeOffset({ blockNodes, blockBytes, nodeBytes }: BlockShape, index: number): number {
  return Math.floor(index / blockNodes) * blockBytes + 16 + (index % blockNodes) * nodeBytes;
}

function writeLinks(
  words: Uint32Array,
  offset: number,
  shape: BlockShape,
  { links, stride }: GraphLinks,
  node: number,
  placeOf: Uint32Array,
  live: Uint32Array,
): void {
  const at = (offset + shape.vectorBytes) >>> 2;
  const first = node * stride;
  const degree = Math.min(links[first]!, shape.maxDegree);
  words[at] = live[node]!;
  words[at + 1] = degree;
  for (let i = 0; i < degree; i++) words[at + 2 + i] = placeOf[links[first + 1 + i]!]!;
}
