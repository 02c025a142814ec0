/**
 * How are rows grouped around centroids?
 *
 * Centroids are trained on a sample by `lloyd`; every row is then given to the nearest ones. Distances are squared
 * Euclidean, for `cos` between rows scaled to length 1, for `ip` between the rows as they are.
 */

import { KernelMemory } from "../../kernel/kernel-memory.js";
import type { DenseMetric } from "../../types.js";
import { lloyd } from "../quantizer/lloyd.js";
import { instantiateQuantizeKernel, quantizeSource } from "../quantizer/quantize-kernel.js";
import { sampleRows } from "../quantizer/row-sample.js";
import type { BuildContext, IndexRows } from "../vector-index.js";

/** Rows a centroid that training looks at. */
const sampleRowsPerCentroid = 128;
/** Bytes of rows that are read at once. */
const chunkBytes = 4 << 20;
/** Multiplications of one task: a few milliseconds. */
const taskProducts = 1 << 25;

/** `count` centroids of the rows that are not dead, row-major; fewer where there are fewer rows. */
export async function trainCentroids(
  rows: IndexRows,
  count: number,
  metric: DenseMetric,
  seed: number,
  context: Pick<BuildContext, "pool" | "dead" | "signal">,
): Promise<Float32Array> {
  const sample = await sampleRows(rows, count * sampleRowsPerCentroid, seed, context);
  const { pool, signal } = context;
  return await lloyd(sample, rows.dim, count, { pool, signal, seed, isNormalised: metric === "cos" });
}

/** The centroids nearest to some rows; the arrays are valid during the visit only. */
export interface Assignment {
  readonly firstRow: number;
  readonly rowCount: number;
  /** The rows as they were read (scaled to length 1 for `cos`), row-major. */
  readonly vectors: Float32Array;
  /** `nearest` centroids a row, nearest first. */
  readonly clusters: Uint32Array;
  /** Their squared distances. */
  readonly distances: Float32Array;
}

export interface AssignOptions {
  /** Centroids wanted for each row, at most as many as there are. */
  readonly nearest: number;
  /** Rows [from, to). Default: all. */
  readonly from?: number;
  readonly to?: number;
}

/** Visits the rows in order, some thousands at once, with the centroids nearest to each; dead ones too. */
export async function assignRows(
  rows: IndexRows,
  centroids: Float32Array,
  metric: DenseMetric,
  options: AssignOptions,
  { pool, signal }: Pick<BuildContext, "pool" | "signal">,
  visit: (assignment: Assignment) => void | Promise<void>,
): Promise<void> {
  const { dim } = rows;
  const { from = 0, to = rows.rowCount } = options;
  const count = centroids.length / dim;
  const nearest = Math.min(options.nearest, count);
  const padded = Math.ceil(count / 32) * 32;
  const chunkRows = Math.max(1, Math.min(to - from, Math.floor(chunkBytes / (dim * 4))));
  const scratchBytes = padded * 16 + 64;
  const bytes = [padded * dim * 4, padded * 4, chunkRows * dim * 4, chunkRows * nearest * 4, chunkRows * nearest * 4];
  const total = bytes.reduce((sum, each) => sum + each + 64, pool.threads * scratchBytes + count * dim * 4 + 65_536);
  const memory = new KernelMemory(total);
  const [blocks, halves, vectors, clusters, distances] = bytes.map((each) => memory.allocate(each)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const scratch = memory.allocate(pool.threads * scratchBytes);
  const source = memory.allocate(count * dim * 4);
  const kernel = instantiateQuantizeKernel(memory.memory);
  new Float32Array(memory.buffer, source, count * dim).set(centroids);
  kernel.packVectors(source, count, dim, blocks);
  kernel.halfSquares(source, count, dim, halves);
  const step = Math.max(4, Math.ceil(taskProducts / (padded * dim) / 4) * 4);
  for (let first = from; first < to; first += chunkRows) {
    const size = Math.min(chunkRows, to - first);
    const target = new Float32Array(memory.buffer, vectors, size * dim);
    const read = rows.read(first, first + size, target);
    if (read !== undefined) await read;
    if (metric === "cos") kernel.normaliseRows(vectors, size, dim);
    let next = 0;
    await pool.run(
      (slot) => {
        if (next >= size) return null;
        const at = next;
        next = Math.min(size, at + step);
        const args = [vectors + at * dim * 4, next - at, dim, blocks, halves, padded, nearest];
        args.push(clusters + at * nearest * 4, distances + at * nearest * 4, scratch + slot * scratchBytes);
        return { module: quantizeSource, memory: memory.memory, name: "nearestCentroids", args };
      },
      { signal },
    );
    const visited = visit({
      firstRow: first,
      rowCount: size,
      vectors: new Float32Array(memory.buffer, vectors, size * dim),
      clusters: new Uint32Array(memory.buffer, clusters, size * nearest),
      distances: new Float32Array(memory.buffer, distances, size * nearest),
    });
    if (visited !== undefined) await visited;
  }
}
