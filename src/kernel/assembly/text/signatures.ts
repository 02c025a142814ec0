/**
 * How often does a term occur in which fields of a row?
 *
 * The answer is a code: a signature is a signature before it and one more field with a number of occurrences. Few
 * differ within a collection, so that a posting is a row and a small number, and one list serves every selection of
 * fields.
 */
import { allocate, hasRoom, release } from "./allocate";
import {
  G_ALL,
  G_BASE,
  G_FIELD,
  G_RUN,
  S_SIGNATURE_CAPACITY,
  S_SIGNATURE_COUNT,
  S_SIGNATURE_SLOTS,
  S_SIGNATURES,
  SIGNATURE_SHIFT,
} from "./layout";

const FIRST_CAPACITY: u32 = 64;

// @ts-ignore: decorator
@inline
function hashSignature(base: u32, field: u32, run: u32): u32 {
  let hash = (base * 0x9e37_79b1) ^ (field * 0x85eb_ca6b) ^ (run * 0xc2b2_ae35);
  hash ^= hash >> 15;
  hash *= 0x2c1b_3c6d;
  return hash ^ (hash >> 13);
}

// @ts-ignore: decorator
@inline
export function signatureAt(state: usize, code: u32): usize {
  return <usize>load<u32>(state, S_SIGNATURES) + (<usize>code << SIGNATURE_SHIFT);
}

/** True when one more signature fits. */
// @ts-ignore: decorator
@inline
export function hasSignatureRoom(state: usize): bool {
  return load<u32>(state, S_SIGNATURE_COUNT) < load<u32>(state, S_SIGNATURE_CAPACITY) || growSignatures(state);
}

/** Doubles the signatures, whose slots are twice as many; false when room is wanted. */
function growSignatures(state: usize): bool {
  const capacity = load<u32>(state, S_SIGNATURE_CAPACITY);
  const count = load<u32>(state, S_SIGNATURE_COUNT);
  const larger = capacity == 0 ? FIRST_CAPACITY : capacity << 1;
  if (!hasRoom(state, (larger << 4) + (larger << 3))) return false;
  const slots = allocate(state, larger << 3);
  memory.fill(slots, 0, <usize>larger << 3);
  const table = allocate(state, larger << 4);
  const old = <usize>load<u32>(state, S_SIGNATURES);
  if (capacity > 0) {
    memory.copy(table, old, <usize>count << SIGNATURE_SHIFT);
    release(state, old, capacity << 4);
    release(state, <usize>load<u32>(state, S_SIGNATURE_SLOTS), capacity << 3);
  }
  store<u32>(state, <u32>table, S_SIGNATURES);
  store<u32>(state, <u32>slots, S_SIGNATURE_SLOTS);
  store<u32>(state, larger, S_SIGNATURE_CAPACITY);
  const mask = (larger << 1) - 1;
  for (let code: u32 = 0; code < count; code += 1) {
    const at = table + (<usize>code << SIGNATURE_SHIFT);
    let slot = hashSignature(load<u32>(at, G_BASE), load<u32>(at, G_FIELD), load<u32>(at, G_RUN)) & mask;
    while (load<u32>(slots + (<usize>slot << 2)) != 0) slot = (slot + 1) & mask;
    store<u32>(slots + (<usize>slot << 2), code + 1);
  }
  return true;
}

/** The code of `base - 1` (none for 0) followed by `run` occurrences in `field`; ask `hasSignatureRoom` first. */
export function signatureOf(state: usize, base: u32, field: u32, run: u32): u32 {
  const slots = <usize>load<u32>(state, S_SIGNATURE_SLOTS);
  const mask = (load<u32>(state, S_SIGNATURE_CAPACITY) << 1) - 1;
  let slot = hashSignature(base, field, run) & mask;
  while (true) {
    const word = load<u32>(slots + (<usize>slot << 2));
    if (word == 0) break;
    const at = signatureAt(state, word - 1);
    const isSame = load<u32>(at, G_BASE) == base && load<u32>(at, G_FIELD) == field && load<u32>(at, G_RUN) == run;
    if (isSame) return word - 1;
    slot = (slot + 1) & mask;
  }
  const code = load<u32>(state, S_SIGNATURE_COUNT);
  const at = signatureAt(state, code);
  store<u32>(at, base, G_BASE);
  store<u32>(at, field, G_FIELD);
  store<u32>(at, run, G_RUN);
  store<u32>(at, run + (base == 0 ? 0 : load<u32>(signatureAt(state, base - 1), G_ALL)), G_ALL);
  store<u32>(slots + (<usize>slot << 2), code + 1);
  store<u32>(state, code + 1, S_SIGNATURE_COUNT);
  return code;
}
