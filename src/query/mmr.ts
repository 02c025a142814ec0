/**
 * Which of the relevant rows are also unlike each other?
 *
 * Maximal marginal relevance (Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents
 * and Producing Summaries", SIGIR 1998): the next row is the one with the greatest
 * lambda x relevance - (1 - lambda) x its greatest similarity to a row chosen before. Similarity is the cosine. The greatest
 * similarity of each row is kept and only compared with the row chosen last: O(k n dim).
 */

export interface MmrRequest {
  /** Higher is better; a row a candidate. */
  readonly relevance: Float64Array;
  /** Vectors of the candidates, row-major. A row of zeros stands for a candidate without a vector: it is like no other. */
  readonly vectors: Float32Array;
  readonly dim: number;
  /** 1: relevance alone, 0: diversity alone. */
  readonly lambda: number;
  /** Candidates wanted. */
  readonly k: number;
}

/** Positions of the chosen candidates, in order of choice; ties go to the one that stood first. */
export function mmrOrder({ relevance, vectors, dim, lambda, k }: MmrRequest): Uint32Array {
  const count = relevance.length;
  const order = new Uint32Array(Math.min(k, count));
  const units = unitRows(vectors, count, dim);
  const isChosen = new Uint8Array(count);
  // Nothing is similar to a row before the first is chosen.
  const likeness = new Float64Array(count);
  for (let chosen = 0; chosen < order.length; chosen++) {
    let best = -1;
    let bestValue = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < count; i++) {
      if (isChosen[i] === 1) continue;
      const value = lambda * relevance[i]! - (1 - lambda) * likeness[i]!;
      if (best >= 0 && !(value > bestValue)) continue;
      best = i;
      bestValue = value;
    }
    order[chosen] = best;
    isChosen[best] = 1;
    if (chosen + 1 === order.length) break;
    for (let i = 0; i < count; i++) {
      if (isChosen[i] === 1) continue;
      const similarity = dotOfRows(units, best * dim, i * dim, dim);
      if (chosen === 0 || similarity > likeness[i]!) likeness[i] = similarity;
    }
  }
  return order;
}

/** The rows scaled to unit length; rows without a direction become zeros. */
function unitRows(vectors: Float32Array, count: number, dim: number): Float32Array {
  const units = new Float32Array(count * dim);
  for (let row = 0; row < count; row++) {
    const from = row * dim;
    let sum = 0;
    for (let i = from; i < from + dim; i++) sum += vectors[i]! * vectors[i]!;
    const scale = 1 / Math.sqrt(sum);
    if (!Number.isFinite(scale)) continue;
    for (let i = from; i < from + dim; i++) units[i] = vectors[i]! * scale;
  }
  return units;
}

/** Inner product of two rows of one array, in four sums that the processor adds side by side. */
function dotOfRows(units: Float32Array, a: number, b: number, dim: number): number {
  const whole = dim & ~3;
  let sum0 = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  let i = 0;
  for (; i < whole; i += 4) {
    sum0 += units[a + i]! * units[b + i]!;
    sum1 += units[a + i + 1]! * units[b + i + 1]!;
    sum2 += units[a + i + 2]! * units[b + i + 2]!;
    sum3 += units[a + i + 3]! * units[b + i + 3]!;
  }
  for (; i < dim; i++) sum0 += units[a + i]! * units[b + i]!;
  return sum0 + sum1 + (sum2 + sum3);
}
