/**
 * Which nodes are neighbours?
 *
 * Builds the graph of DiskANN (Subramanya et al., NeurIPS 2019) over SQ8 codes in memory: two passes over the nodes in
 * a random order, the first from entries near each node, without the factor alpha and with half the list; tasks of the
 * pool link some nodes each. With one thread the graph follows from the rows and the order.
 */
import type { KernelPool } from "../../kernel/kernel-pool.js";
import { diskModuleSource } from "./disk-kernel.js";
import type { NodeTable } from "./node-table.js";

/** Nodes of a task: some milliseconds. */
const taskNodes = 32;
/**
 * Share of the degree that a node's nearest candidates fill up to while the graph is built: whole lists cost half as
 * much again, none costs recall (docs/internals/disk-indexes.md).
 */
const fillShare = 1 / 4;
/** Where the kernel's table header names the neighbours and their room. */
const linksField = 9;
const slotsField = 10;

export interface LinkOptions {
  readonly maxDegree: number;
  readonly listSize: number;
  readonly alpha: number;
  /** All nodes in the order in which they are linked, a random one. */
  readonly order: Uint32Array;
  readonly threads: number;
  readonly pool: KernelPool;
  readonly signal: AbortSignal | undefined;
  /** Nodes linked so far, of twice their number. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Neighbours of all nodes: of node i, `links[i * stride]` of them from `links[i * stride + 1]` on. */
export interface GraphLinks {
  readonly links: Uint32Array;
  readonly stride: number;
  /** The node nearest to the middle, from which others are reached. */
  readonly entry: number;
}

/** Builds the graph over a table that nobody else uses. */
export async function buildLinks(table: NodeTable, options: LinkOptions): Promise<GraphLinks> {
  const { memory, kernel, nodeCount, address } = table;
  const slots = Math.ceil(options.maxDegree * 1.3);
  const stride = slots + 1;
  const links = memory.allocate(4 * stride * nodeCount);
  const header = new Uint32Array(memory.buffer, address, 16);
  header[linksField] = links;
  header[slotsField] = slots;
  const threads = Math.max(1, Math.min(options.threads, options.pool.threads));
  const order = memory.allocate(4 * nodeCount);
  new Uint32Array(memory.buffer, order, nodeCount).set(options.order);
  const jobs: number[] = [];
  const jobBytes = kernel.jobBytes(nodeCount, header[2]!, options.listSize, slots) >>> 0;
  for (let slot = 0; slot < threads; slot++) jobs.push(memory.allocate(jobBytes));
  const entry = kernel.middleNode(address, nodeCount, 1) >>> 0;
  const run = (name: string, before: number, args: (from: number, to: number) => readonly number[]) => {
    let given = 0;
    const next = (slot: number) => {
      if (given >= nodeCount) return null;
      const from = given;
      given = Math.min(nodeCount, from + taskNodes);
      options.onProgress(before + from, 2 * nodeCount);
      return { module: diskModuleSource, memory: memory.memory, name, args: [jobs[slot]!, ...args(from, given)] };
    };
    return options.pool.run(next, { threads, signal: options.signal });
  };
  const fill = Math.ceil(options.maxDegree * fillShare);
  const pass = (isFirst: number, alpha: number, listSize: number, before: number) => {
    for (const job of jobs) kernel.initJob(job, address, listSize, options.maxDegree);
    return run("linkNodes", before, (from, to) => [order, from, to, entry, isFirst, alpha * alpha, fill]);
  };
  await pass(1, 1, Math.ceil(options.listSize / 2), 0);
  await pass(0, options.alpha, options.listSize, nodeCount);
  await run("trimNodes", nodeCount, (from, to) => [from, to]);
  return { links: new Uint32Array(memory.buffer, links, stride * nodeCount), stride, entry };
}
