/**
 * Where does a search by one of these metrics keep what it needs?
 *
 * A state has the header and the heap of the scan kernel's (`scan/layout.ts`), so that both use one heap; what a metric
 * makes of its query takes the place of the scan's constants. After the header come the query as float32 and the
 * operand, eight bytes a component, whose meaning is the metric's: the components in float64, masks of set bits,
 * shares of the mass. Places are relative, so that a state's bytes can move to another memory. A score is minus the
 * value: higher is better in the heap.
 */
import { padded4, Q_FLOAT64, Q_HEAP_ROWS, Q_HEAP_SCORES, STATE_HEADER } from "../scan/layout";

// Metrics as numbers; the host's `metric-kernel.ts` names them the same way.
export const HAMMING: i32 = 0;
export const JACCARD: i32 = 1;
export const DICE: i32 = 2;
export const L1: i32 = 3;
export const CHEBYSHEV: i32 = 4;
export const CANBERRA: i32 = 5;
export const BRAY_CURTIS: i32 = 6;
export const HAVERSINE: i32 = 7;
export const CORRELATION: i32 = 8;
export const HELLINGER: i32 = 9;
export const WASSERSTEIN: i32 = 10;
export const JENSEN_SHANNON: i32 = 11;

/** f64 mass of the query, or its centred square, or its set bits. */
export const M_MASS: usize = 96;
/** f64 what a metric computes beside its result. */
export const M_ASIDE: usize = 104;
/** f64 degrees and the cosine of the latitude. */
export const M_LONGITUDE: usize = 112;
export const M_LATITUDE: usize = 120;
export const M_COSINE: usize = 128;

/** Bytes of a state for vectors of `dim` components with a heap of `k` rows; its address must be a multiple of 64. */
export function stateBytes(dim: i32, k: i32): usize {
  return (STATE_HEADER + padded4(dim) * 12 + <usize>k * 12 + 127) & ~63;
}

/** Writes the places of a new state. */
export function layOut(state: usize, dim: i32, k: u32): void {
  const operand = STATE_HEADER + padded4(dim) * 4;
  const scores = operand + padded4(dim) * 8;
  store<u32>(state, <u32>operand, Q_FLOAT64);
  store<u32>(state, <u32>scores, Q_HEAP_SCORES);
  store<u32>(state, <u32>(scores + (<usize>k << 3)), Q_HEAP_ROWS);
}
