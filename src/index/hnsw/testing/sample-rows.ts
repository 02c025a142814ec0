/** Where do the rows of a graph's tests come from? Clusters of uneven size with near-duplicates, the same for a seed. */

/** Numbers from 0 to 1 that look random (mulberry32). */
export function makeRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface SampleOptions {
  readonly rowCount: number;
  readonly dim: number;
  readonly clusters: number;
  /** Of the clusters. */
  readonly seed: number;
  /** Of the rows in them. */
  readonly noiseSeed?: number;
}

/** Rows around random centres; every fourth is nearly the row before, every sixteenth is exactly that. */
export function clusteredRows({ rowCount, dim, clusters, seed, noiseSeed = seed }: SampleOptions): Float32Array {
  const random = makeRandom(seed);
  const centres = Float32Array.from({ length: clusters * dim }, () => 2 * random() - 0.5);
  const noise = makeRandom(noiseSeed + 1);
  const rows = new Float32Array(rowCount * dim);
  for (let row = 0; row < rowCount; row++) {
    const cluster = Math.floor(noise() ** 2 * clusters);
    const isCopy = row % 16 === 15;
    const isNearCopy = row % 4 === 3;
    for (let i = 0; i < dim; i++) {
      const before = rows[(row - 1) * dim + i] ?? 0;
      const fresh = (centres[cluster * dim + i] as number) + 0.5 * (noise() + noise() - 1);
      const near = before + 0.002 * (noise() - 0.5);
      rows[row * dim + i] = isCopy ? before : isNearCopy ? near : fresh;
    }
  }
  return rows;
}
