/**
 * What is an upper bound of each slot's score?
 *
 * Term after term is added to a sum of 16 bits a slot (what it means: `terms.ts`). Lists of one code a slot go eight slots
 * an instruction: a signed product of 15 bits of (code << 7) with the factor is (factor·code + 128) >> 8.
 */
import {
  DENSE,
  G_SLOTS,
  NEGATIVE,
  P_BASE,
  P_SUMS,
  P_TERM_COUNT,
  P_TERMS,
  P_TOUCHED,
  SLOTS_MAX,
  T_COUNT,
  T_FACTOR,
  T_FLAGS,
  T_PLACE,
  TERM_BYTES,
} from "./layout";

// @ts-ignore: decorator
@inline
function low(codes: v128, factor: v128): v128 {
  return i16x8.q15mulr_sat_s(i16x8.shl(i16x8.extend_low_i8x16_u(codes), 7), factor);
}

// @ts-ignore: decorator
@inline
function high(codes: v128, factor: v128): v128 {
  return i16x8.q15mulr_sat_s(i16x8.shl(i16x8.extend_high_i8x16_u(codes), 7), factor);
}

// @ts-ignore: decorator
@inline
function factorOf(term: usize): v128 {
  return i16x8.splat(<i16>load<u32>(term, T_FACTOR));
}

/** Adds the dense lists of four terms, whose addresses are given. */
function addFour(sums: usize, slots: usize, a: usize, b: usize, c: usize, d: usize): void {
  const fa = factorOf(a);
  const fb = factorOf(b);
  const fc = factorOf(c);
  const fd = factorOf(d);
  let pa = <usize>load<u32>(a, T_PLACE);
  const offB = <usize>load<u32>(b, T_PLACE) - pa;
  const offC = <usize>load<u32>(c, T_PLACE) - pa;
  const offD = <usize>load<u32>(d, T_PLACE) - pa;
  const end = pa + slots;
  for (; pa < end; pa += 16, sums += 32) {
    const va = v128.load(pa);
    const vb = v128.load(pa + offB);
    const vc = v128.load(pa + offC);
    const vd = v128.load(pa + offD);
    const x = i16x8.add(i16x8.add(low(va, fa), low(vb, fb)), i16x8.add(low(vc, fc), low(vd, fd)));
    const y = i16x8.add(i16x8.add(high(va, fa), high(vb, fb)), i16x8.add(high(vc, fc), high(vd, fd)));
    v128.store(sums, i16x8.add(v128.load(sums), x));
    v128.store(sums, i16x8.add(v128.load(sums, 16), y), 16);
  }
}

function addDense(sums: usize, slots: usize, term: usize): void {
  const factor = factorOf(term);
  let place = <usize>load<u32>(term, T_PLACE);
  const end = place + slots;
  for (; place < end; place += 16, sums += 32) {
    const codes = v128.load(place);
    v128.store(sums, i16x8.add(v128.load(sums), low(codes, factor)));
    v128.store(sums, i16x8.add(v128.load(sums, 16), high(codes, factor)), 16);
  }
}

function takeDense(sums: usize, slots: usize, term: usize): void {
  const factor = factorOf(term);
  const one = i8x16.splat(1);
  let place = <usize>load<u32>(term, T_PLACE);
  const end = place + slots;
  for (; place < end; place += 16, sums += 32) {
    const codes = i8x16.sub_sat_u(v128.load(place), one);
    v128.store(sums, i16x8.sub(v128.load(sums), low(codes, factor)));
    v128.store(sums, i16x8.sub(v128.load(sums, 16), high(codes, factor)), 16);
  }
}

function addThin(sums: usize, term: usize): void {
  const count = <usize>load<u32>(term, T_COUNT);
  const factor = load<u32>(term, T_FACTOR);
  let slot = <usize>load<u32>(term, T_PLACE);
  let code = slot + (count << 1);
  const end = code;
  for (; slot < end; slot += 2, code += 1) {
    const sum = sums + (<usize>load<u16>(slot) << 1);
    store<u16>(sum, load<u16>(sum) + ((load<u8>(code) * factor + 128) >>> 8));
  }
}

function takeThin(sums: usize, term: usize): void {
  const count = <usize>load<u32>(term, T_COUNT);
  const factor = load<u32>(term, T_FACTOR);
  let slot = <usize>load<u32>(term, T_PLACE);
  let code = slot + (count << 1);
  const end = code;
  for (; slot < end; slot += 2, code += 1) {
    const sum = sums + (<usize>load<u16>(slot) << 1);
    store<u16>(sum, load<u16>(sum) - (((<u32>load<u8>(code) - 1) * factor + 128) >>> 8));
  }
}

/** Slots of a segment, rounded up to what is worked on at once. */
// @ts-ignore: decorator
@inline
export function paddedSlots(segment: usize): usize {
  return (<usize>load<u32>(segment, G_SLOTS) + 15) & ~15;
}

/** Computes the sums of a segment's slots from the terms. */
export function sumTerms(query: usize, segment: usize): void {
  const sums = <usize>load<u32>(query, P_SUMS);
  const slots = paddedSlots(segment);
  const base = i16x8.splat(<i16>load<u32>(query, P_BASE));
  for (let at = sums; at < sums + (slots << 1); at += 16) v128.store(at, base);
  const terms = <usize>load<u32>(query, P_TERMS);
  const count = <usize>load<u32>(query, P_TERM_COUNT);
  // Dense terms wait until there are four.
  let a: usize = 0;
  let b: usize = 0;
  let c: usize = 0;
  for (let i: usize = 0; i < count; i++) {
    const term = terms + i * TERM_BYTES;
    const flags = load<u32>(term, T_FLAGS);
    if (flags == DENSE) {
      if (!a) a = term;
      else if (!b) b = term;
      else if (!c) c = term;
      else {
        addFour(sums, slots, a, b, c, term);
        a = b = c = 0;
      }
    } else if (flags == 0) addThin(sums, term);
    else if (flags == NEGATIVE) takeThin(sums, term);
    else takeDense(sums, slots, term);
  }
  if (a) addDense(sums, slots, a);
  if (b) addDense(sums, slots, b);
  if (c) addDense(sums, slots, c);
}

/** Sets a bit for every slot that has one of the terms' features. */
export function touchSlots(query: usize, segment: usize): void {
  const touched = <usize>load<u32>(query, P_TOUCHED);
  memory.fill(touched, 0, SLOTS_MAX >> 3);
  const slots = load<u32>(segment, G_SLOTS);
  const terms = <usize>load<u32>(query, P_TERMS);
  const count = <usize>load<u32>(query, P_TERM_COUNT);
  for (let i: usize = 0; i < count; i++) {
    const term = terms + i * TERM_BYTES;
    const place = <usize>load<u32>(term, T_PLACE);
    if (load<u32>(term, T_FLAGS) & DENSE) {
      const zero = i8x16.splat(0);
      for (let slot: usize = 0; slot < <usize>slots; slot += 16) {
        const present = i8x16.bitmask(i8x16.ne(v128.load(place + slot), zero));
        store<u16>(touched + (slot >> 3), load<u16>(touched + (slot >> 3)) | <u16>present);
      }
      continue;
    }
    const end = place + (<usize>load<u32>(term, T_COUNT) << 1);
    for (let at = place; at < end; at += 2) {
      const slot = <usize>load<u16>(at);
      const bit: u32 = (<u32>1) << (<u32>slot & 7);
      store<u8>(touched + (slot >> 3), load<u8>(touched + (slot >> 3)) | <u8>bit);
    }
  }
}
