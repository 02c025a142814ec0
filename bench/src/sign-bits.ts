/**
 * Which bits stand for a vector?
 *
 * One a component, 1 where it is positive. As ±1 instead of 0 and 1, the inner product orders as the number of equal bits
 * does, so that the same true answers serve for Hamming distances.
 */
export function signBits(vectors: Float32Array): Float32Array {
  return vectors.map((component) => (component > 0 ? 1 : 0));
}

/** The same with -1 for 0. */
export function plusMinusBits(vectors: Float32Array): Float32Array {
  return vectors.map((component) => (component > 0 ? 1 : -1));
}
