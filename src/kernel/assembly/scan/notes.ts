/**
 * Which rows must be fetched before it is known which are the best?
 *
 * Where only codes are in memory, a row cannot be scored when its bound does not exclude it. It is noted instead, with the
 * greatest score that its codes allow, and the heap keeps the least scores that the codes of the best rows guarantee: the
 * k-th of them is one that k rows reach for certain, so every row that cannot reach it is out. The noted rows that still
 * can at the end are fetched and scored by the owner.
 *
 * Both bounds are those of `bounds.ts` in float64, and hold for the computed score. Within a scan rows come in ascending
 * order, so a row whose greatest score only equals that of k rows before it is out as well: ties go to the older row.
 */
import { SCORE_SLACK, setLimits, SLACK } from "./bounds";
import { pushHeap, replaceWorst, worstScore } from "./heap";
import {
  B_FIRST_ROW,
  B_NORM,
  B_SCALARS,
  B_SHIFTS,
  isCos,
  isL2,
  Q_C0,
  Q_CODE_ERROR,
  Q_CODE_NORM,
  Q_COUNT,
  Q_ENTERED,
  Q_FLOOR,
  Q_HAS_SHIFTS,
  Q_K,
  Q_NORM,
  Q_NOTE_COUNT,
  Q_NOTES,
  Q_OFFSET,
  Q_OFFSET_WIDENING,
  Q_RESCORED,
  Q_SCALE,
  Q_TAU,
  S_CODE_NORM,
  S_RESIDUAL,
  scalarPlace,
  ZERO_NORM,
} from "./layout";

/** Bytes of a note: row (u32), nothing, greatest score (f64). */
const NOTE_BYTES: usize = 16;
/** Twice the rounding of a float32 code norm, as a share of its square, twice over. */
const NORM_SLACK: f64 = 2.5e-7;

/** Makes a search note rows, at `place` with room for as many as are looked at until the next call. */
export function beginNotes(state: usize, place: usize): void {
  store<u32>(state, <u32>place, Q_NOTES);
  store<u32>(state, 0, Q_NOTE_COUNT);
}

/** Notes there are. */
export function noteCount(state: usize): u32 {
  return load<u32>(state, Q_NOTE_COUNT);
}

/** Score that k rows reach for certain, or the least that counts. */
export function bestNoted(state: usize): f64 {
  return load<f64>(state, Q_TAU);
}

/** Keeps the score that the row reaches for certain, when it is among the best of them. */
function keepLeast(state: usize, row: u32, least: f64): void {
  const count = load<u32>(state, Q_COUNT);
  const k = load<u32>(state, Q_K);
  if (count < k) {
    if (!(least >= load<f64>(state, Q_FLOOR))) return;
    pushHeap(state, least, row);
    store<u32>(state, load<u32>(state, Q_ENTERED) + 1, Q_ENTERED);
    if (count + 1 < k) return;
  } else {
    if (!(least > load<f64>(state, Q_TAU))) return;
    replaceWorst(state, least, row);
    store<u32>(state, load<u32>(state, Q_ENTERED) + 1, Q_ENTERED);
  }
  store<f64>(state, max(load<f64>(state, Q_TAU), worstScore(state)), Q_TAU);
  setLimits(state);
}

/** Tells a score that k rows looked at so far have. */
export function raiseBest(state: usize, score: f64): void {
  if (!(score > load<f64>(state, Q_TAU))) return;
  store<f64>(state, score, Q_TAU);
  setLimits(state);
}

/** Notes a row whose score lies between `least` and `most`; NaN for what is not known. */
// @ts-ignore: decorator
@inline
function note(state: usize, row: u32, least: f64, most: f64): void {
  const isFull = load<u32>(state, Q_COUNT) == load<u32>(state, Q_K);
  const tau = load<f64>(state, Q_TAU);
  if (isFull ? most <= tau : most < tau) return;
  store<u32>(state, load<u32>(state, Q_RESCORED) + 1, Q_RESCORED);
  const count = load<u32>(state, Q_NOTE_COUNT);
  const place = load<u32>(state, Q_NOTES) + <usize>count * NOTE_BYTES;
  store<u32>(place, row);
  store<f64>(place, most == most ? most : Infinity, 8);
  store<u32>(state, count + 1, Q_NOTE_COUNT);
  keepLeast(state, row, least);
}

/** Notes those of the candidates, whose dot products are whole, that may be among the best. */
export function noteAll<M>(state: usize, block: usize, start: usize, end: usize): void {
  const firstRow = load<u32>(block, B_FIRST_ROW);
  const base = <usize>load<u32>(block, B_SCALARS);
  const scale = load<f64>(state, Q_SCALE);
  const reach = isL2<M>() ? 0 : scale * <f64>load<f32>(state, Q_C0);
  const offset = load<f64>(state, Q_OFFSET);
  const widening = load<f64>(state, Q_OFFSET_WIDENING);
  const hasShifts = load<i32>(state, Q_HAS_SHIFTS);
  const queryNorm = load<f64>(state, Q_NORM);
  const queryCode = load<f64>(state, Q_CODE_NORM);
  const queryError = load<f64>(state, Q_CODE_ERROR);
  for (let place = start; place < end; place += 8) {
    const index = <usize>load<u32>(place);
    const scalars = scalarPlace(base, index);
    const residual = <f64>load<f32>(scalars, S_RESIDUAL);
    const product = scale * <f64>load<f32>(scalars) * <f64>load<i32>(place, 4);
    let least: f64;
    let most: f64;
    if (isL2<M>()) {
      const norm = <f64>load<f32>(scalars, S_CODE_NORM);
      const squares = norm * norm + queryCode * queryCode;
      const slack = norm * norm * NORM_SLACK + queryCode * queryCode * (4 * SCORE_SLACK);
      const near = (Math.sqrt(max(0.0, squares - slack - 2 * product)) - queryError - residual) * (1 - SLACK);
      const far = (Math.sqrt(squares + slack - 2 * product) + queryError + residual) * (1 + SLACK);
      most = near > 0 ? -(near * near) : near == near ? 0 : NaN;
      least = -(far * far) - 1e-300;
    } else {
      const shift = hasShifts ? <f64>load<f32>(load<u32>(block, B_SHIFTS) + (index << 2)) : 0;
      const middle = product + shift + offset;
      most = middle + reach * residual;
      least = middle - reach * residual - 2 * widening;
      if (isCos<M>()) {
        const norm = load<f32>(load<u32>(block, B_NORM) + (index << 2));
        const divisor = queryNorm * <f64>norm;
        if (norm == ZERO_NORM || queryNorm == 0) {
          most = 0;
          least = 0;
        } else {
          most = most / divisor;
          least = least / divisor;
          most += abs(most) * SLACK + 1e-10;
          least -= abs(least) * SLACK + 1e-10;
        }
      }
    }
    note(state, firstRow + <u32>index, least, most);
  }
}
