/**
 * Which of the relevant rows are also unlike each other?
 *
 * Maximal marginal relevance (Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering
 * Documents and Producing Summaries", SIGIR 1998): the next row is the one with the greatest lambda x relevance - (1 -
 * lambda) x its greatest similarity to a row chosen before. Similarity is the cosine. What a row is worth only falls as
 * more are chosen, so a row is compared with them only while it could be the next: exact, and O(k n dim) at worst.
 */

export interface MmrRequest {
  /** Higher is better; a row a candidate. */
  readonly relevance: Float64Array;
  /**
   * Vectors of the candidates, row-major. A row of zeros stands for a candidate without a vector: it is like no other.
   */
  readonly vectors: Float32Array;
  readonly dim: number;
  /** 1: relevance alone, 0: diversity alone. */
  readonly lambda: number;
  /** Candidates wanted. */
  readonly k: number;
}

/** Below the cosine of any two rows, rounding included. */
const leastLikeness = -1.001;

/** Positions of the chosen candidates, in order of choice; ties go to the one that stood first. */
export function mmrOrder({ relevance, vectors, dim, lambda, k }: MmrRequest): Uint32Array {
  const count = relevance.length;
  const order = new Uint32Array(Math.min(k, count));
  const units = unitRows(vectors, count, dim);
  const isChosen = new Uint8Array(count);
  /** Greatest similarity to the first `compared` chosen rows. */
  const likeness = new Float64Array(count).fill(leastLikeness);
  const compared = new Uint32Array(count);
  for (let chosen = 0; chosen < order.length; chosen++) {
    let best = -1;
    let bestValue = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < count; i++) {
      if (isChosen[i] === 1) continue;
      // Nothing is similar to a row before the first is chosen.
      let value = lambda * relevance[i]! - (chosen === 0 ? 0 : (1 - lambda) * likeness[i]!);
      if (best >= 0 && !(value > bestValue)) continue;
      if (compared[i] !== chosen) {
        likeness[i] = likenessTo(units, i, order, compared[i]!, chosen, dim, likeness[i]!);
        compared[i] = chosen;
        value = lambda * relevance[i]! - (1 - lambda) * likeness[i]!;
        if (best >= 0 && !(value > bestValue)) continue;
      }
      best = i;
      bestValue = value;
    }
    order[chosen] = best;
    isChosen[best] = 1;
  }
  return order;
}

/** The greatest of `likeness` and the similarities of row `i` to the chosen rows `from` to before `to`. */
function likenessTo(
  units: Float32Array,
  i: number,
  order: Uint32Array,
  from: number,
  to: number,
  dim: number,
  likeness: number,
): number {
  let greatest = likeness;
  for (let at = from; at < to; at++) {
    const similarity = dotOfRows(units, order[at]! * dim, i * dim, dim);
    if (similarity > greatest) greatest = similarity;
  }
  return greatest;
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
