/**
 * How much does a number of occurrences count in a row of some length?
 *
 * Okapi BM25 (Robertson & Zaragoza, The probabilistic relevance framework: BM25 and beyond, 2009) with weight 1:
 * t (k1 + 1) / (t + k1 (1 - b + b length / average)). Common values are kept in a table; those and all others are
 * computed by the same operations, so they are equal to the bit.
 */
import { Q_AVERAGE, Q_B, Q_K1, Q_UNITS, UNIT_LENGTHS, UNIT_TIMES } from "./layout";

function compute(question: usize, times: u32, length: u32): f64 {
  const k1 = load<f64>(question, Q_K1);
  const b = load<f64>(question, Q_B);
  const norm = k1 * (1 - b + (b * <f64>length) / load<f64>(question, Q_AVERAGE));
  return (<f64>times * (k1 + 1)) / (<f64>times + norm);
}

/** Fills the table of a question. */
export function fillUnits(question: usize): void {
  const units = <usize>load<u32>(question, Q_UNITS);
  for (let times: u32 = 1; times <= UNIT_TIMES; times += 1) {
    for (let length: u32 = 0; length < UNIT_LENGTHS; length += 1) {
      store<f64>(units + (<usize>((times - 1) * UNIT_LENGTHS + length) << 3), compute(question, times, length));
    }
  }
}

/** `times` is above 0. */
// @ts-ignore: decorator
@inline
export function unitScore(question: usize, units: usize, times: u32, length: u32): f64 {
  if (times <= UNIT_TIMES && length < UNIT_LENGTHS) {
    return load<f64>(units + (<usize>((times - 1) * UNIT_LENGTHS + length) << 3));
  }
  return compute(question, times, length);
}
