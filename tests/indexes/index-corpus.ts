/**
 * Which rows are indexes tested on?
 *
 * Clusters of unequal size and width with near and exact duplicates, as embeddings have them. Field `share` says which part
 * of the rows a filter lets through, independent of where they lie; `cluster` is bound to where they lie.
 */
import { randomNumbers } from "../conformance/random-numbers.js";

export interface CorpusRow {
  /** Uniform in [0, 1). */
  readonly share: number;
  /** Number of the cluster the row was drawn from. */
  readonly cluster: number;
}

export interface IndexCorpus {
  readonly dim: number;
  readonly count: number;
  readonly data: Float32Array;
  readonly fields: readonly CorpusRow[];
  /** Vectors like the rows, but not among them. */
  readonly queries: readonly Float32Array[];
  /** Cluster of each query. */
  readonly queryClusters: readonly number[];
  /** Row `row` of `data`. */
  vector(row: number): Float32Array;
}

const clusterCount = 50;

/** A corpus of `count` rows; always the same for the same arguments. Components are at least 0 when `isPositive`. */
export function indexCorpus(count: number, dim: number, { isPositive = false, queryCount = 30 } = {}): IndexCorpus {
  const next = randomNumbers(count * 31 + dim);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const centres = Array.from({ length: clusterCount }, () => Float32Array.from({ length: dim }, normal));
  const widths = centres.map(() => 0.05 + 0.5 * next());
  const shape = (value: number): number => (isPositive ? Math.abs(value) : value);
  const draw = (cluster: number): Float32Array =>
    centres[cluster]!.map((centre) => shape(centre + widths[cluster]! * normal()));
  const data = new Float32Array(count * dim);
  const fields: CorpusRow[] = [];
  for (let row = 0; row < count; row++) {
    // Squared: the first clusters are the larger ones.
    const cluster = Math.floor(next() ** 2 * clusterCount);
    const isCopy = row > 100 && next() < 0.05;
    const from = Math.floor(next() * row);
    data.set(isCopy ? data.subarray(from * dim, (from + 1) * dim) : draw(cluster), row * dim);
    fields.push({ share: next(), cluster: isCopy ? fields[from]!.cluster : cluster });
  }
  const queryClusters = Array.from({ length: queryCount }, () => Math.floor(next() ** 2 * clusterCount));
  return {
    dim,
    count,
    data,
    fields,
    queries: queryClusters.map(draw),
    queryClusters,
    vector: (row) => data.subarray(row * dim, (row + 1) * dim),
  };
}
