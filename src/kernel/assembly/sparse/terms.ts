/**
 * Which lists of a segment does a query meet, and what is a code of each worth?
 *
 * A sum a slot, 16 bits, counts steps of `unit`. For a list with factor m a code c adds (m·c + 128) >> 8 steps where
 * products are positive, and takes (m·(c − 1) + 128) >> 8 where they are negative: a list's weights are at most c and
 * more than c − 1 units. With m rounded up, or down where they are negative, and n terms,
 *
 *     score <= unit * (sum - base + n / 2)
 *
 * The unit is chosen so that no sum can leave its 16 bits: base is all that can be taken away.
 */
import {
  DENSE,
  G_FEATURES,
  G_HASH,
  G_HASH_MASK,
  G_INFO,
  G_LISTS,
  G_WIDTH,
  hashOf,
  L_COUNT,
  L_FLAGS,
  L_MAX,
  L_PLACE,
  LIST_BYTES,
  NEGATIVE,
  P_BASE,
  P_COUNT,
  P_FEATURES,
  P_TABLE,
  P_TERM_COUNT,
  P_TERMS,
  P_UNIT,
  P_WEIGHTS,
  SUMMED_TERMS_MAX,
  T_COUNT,
  T_FACTOR,
  T_FLAGS,
  T_LIST,
  T_PLACE,
  T_WORTH,
  TERM_BYTES,
} from "./layout";

/** The first list of a feature; the number of lists where it has none. */
// @ts-ignore: decorator
@inline
function firstList<W>(segment: usize, features: usize, feature: u32): u32 {
  const table = <usize>load<u32>(segment, G_HASH);
  const mask = load<u32>(segment, G_HASH_MASK);
  let at = hashOf(feature) & mask;
  while (true) {
    const held = <u32>load<W>(table + <usize>at * sizeof<W>());
    if (held == 0) return load<u32>(segment, G_LISTS);
    if (load<u32>(features + (<usize>(held - 1) << 2)) == feature) return held - 1;
    at = (at + 1) & mask;
  }
}

// @ts-ignore: decorator
@inline
function enter<W>(query: usize, segment: usize): u32 {
  const features = <usize>load<u32>(segment, G_FEATURES);
  const info = <usize>load<u32>(segment, G_INFO);
  const lists = load<u32>(segment, G_LISTS);
  const table = <usize>load<u32>(query, P_TABLE);
  const count = <usize>load<u32>(query, P_COUNT);
  const queryFeatures = <usize>load<u32>(query, P_FEATURES);
  const weights = <usize>load<u32>(query, P_WEIGHTS);
  let term = <usize>load<u32>(query, P_TERMS);
  let terms: u32 = 0;
  for (let i: usize = 0; i < count; i++) {
    const feature = load<u32>(queryFeatures + (i << 2));
    const weight = load<f32>(weights + (i << 2));
    let list = firstList<W>(segment, features, feature);
    for (; list < lists && load<u32>(features + (<usize>list << 2)) == feature; list++) {
      const source = info + <usize>list * LIST_BYTES;
      const flags = <u32>load<u16>(source, L_FLAGS);
      store<u32>(term, load<u32>(source, L_PLACE), T_PLACE);
      store<u32>(term, load<u16>(source, L_COUNT), T_COUNT);
      store<u32>(term, weight < 0 ? flags ^ NEGATIVE : flags, T_FLAGS);
      store<f64>(term, <f64>abs(weight) * <f64>load<f32>(source, L_MAX) / 255.0, T_WORTH);
      store<u32>(term, list, T_LIST);
      store<f32>(table + (<usize>list << 2), weight);
      term += TERM_BYTES;
      terms += 1;
    }
  }
  store<u32>(query, terms, P_TERM_COUNT);
  return terms;
}

/** Finds the terms and writes their weights to the table. Returns how many there are. */
export function enterSegment(query: usize, segment: usize): u32 {
  return load<u32>(segment, G_WIDTH) == 2 ? enter<u16>(query, segment) : enter<u32>(query, segment);
}

/** Clears the table of what `enterSegment` wrote. */
export function leaveSegment(query: usize): void {
  const table = <usize>load<u32>(query, P_TABLE);
  const terms = <usize>load<u32>(query, P_TERMS);
  const count = <usize>load<u32>(query, P_TERM_COUNT);
  for (let i: usize = 0; i < count; i++) {
    store<f32>(table + (<usize>load<u32>(terms + i * TERM_BYTES, T_LIST) << 2), 0);
  }
}

/** The most that a score can be. */
export function scoreBound(query: usize): f64 {
  const terms = <usize>load<u32>(query, P_TERMS);
  const count = <usize>load<u32>(query, P_TERM_COUNT);
  let bound: f64 = 0;
  for (let i: usize = 0; i < count; i++) {
    const term = terms + i * TERM_BYTES;
    if (!(load<u32>(term, T_FLAGS) & NEGATIVE)) bound += load<f64>(term, T_WORTH) * 255.0;
  }
  return bound;
}

/** Chooses the unit and the factors; false where there are too many terms for it. */
export function weighTerms(query: usize): bool {
  const terms = <usize>load<u32>(query, P_TERMS);
  const count = load<u32>(query, P_TERM_COUNT);
  if (count > SUMMED_TERMS_MAX) return false;
  let all: f64 = 0;
  let largest: f64 = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const worth = load<f64>(terms + i * TERM_BYTES, T_WORTH);
    all += worth;
    largest = max(largest, worth);
  }
  // A factor rounded up is below 256 worth / unit + 1, and the signed product of the dense lists takes 15 bits.
  const unit = 256.0 * max(all / <f64>(65534 - count), largest / 32766.0);
  let base: u32 = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const term = terms + i * TERM_BYTES;
    const steps = 256.0 * load<f64>(term, T_WORTH) / unit;
    const isNegative = (load<u32>(term, T_FLAGS) & NEGATIVE) != 0;
    const factor = <u32>(isNegative ? floor(steps) : ceil(steps));
    store<u32>(term, factor, T_FACTOR);
    if (isNegative) base += factor;
  }
  store<u32>(query, base, P_BASE);
  store<f64>(query, unit, P_UNIT);
  return true;
}
