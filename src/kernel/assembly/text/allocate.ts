/**
 * Where do lists and tables of a text index get their room from?
 *
 * The index has one stretch of memory, enlarged by its owner. Places that are given back wait in bins by size and are
 * handed out again, cut where they are larger. Every size is a multiple of 4. A function that allocates asks `hasRoom`
 * first, so `allocate` itself cannot fail.
 */
import {
  LARGE_BINS,
  S_BIN_MAPS,
  S_BINS,
  S_FREE_BYTES,
  S_HEAP_END,
  S_HEAP_NEXT,
  S_LARGE_MAP,
  S_WANTED,
  SMALL_BINS,
} from "./layout";

/** Bytes below which each size has a bin of its own. */
const SMALL_BYTES: u32 = SMALL_BINS << 2;
/** What is left of a cut place must be worth keeping. */
const REST_BYTES_MIN: u32 = 16;

/** True when `bytes` can be allocated, in pieces of any size; else notes what is wanted. */
export function hasRoom(state: usize, bytes: u32): bool {
  const left = load<u32>(state, S_HEAP_END) - load<u32>(state, S_HEAP_NEXT);
  if (left >= bytes) return true;
  store<u32>(state, bytes, S_WANTED);
  return false;
}

// @ts-ignore: decorator
@inline
function largeBin(bytes: u32): u32 {
  return 31 - clz(bytes);
}

/** Gives a place back. */
export function release(state: usize, address: usize, bytes: u32): void {
  if (bytes < 4) return;
  store<u32>(state, load<u32>(state, S_FREE_BYTES) + bytes, S_FREE_BYTES);
  let bin: usize;
  if (bytes < SMALL_BYTES) {
    const index = bytes >> 2;
    bin = state + S_BINS + (<usize>index << 2);
    const map = state + S_BIN_MAPS + (<usize>(index >> 6) << 3);
    store<u64>(map, load<u64>(map) | ((<u64>1) << (<u64>(index & 63))));
  } else {
    const index = largeBin(bytes);
    bin = state + S_BINS + (<usize>(SMALL_BINS + index) << 2);
    store<u32>(state, load<u32>(state, S_LARGE_MAP) | (1 << index), S_LARGE_MAP);
    store<u32>(address, bytes, 4);
  }
  store<u32>(address, load<u32>(bin));
  store<u32>(bin, <u32>address);
}

/** A place of the smallest kept size that is at least `bytes`, 0 for none; `bytes` is small. */
function smallBinFrom(state: usize, bytes: u32): u32 {
  const first = bytes >> 2;
  let word = first >> 6;
  let bits = load<u64>(state + S_BIN_MAPS + (<usize>word << 3)) & (<u64>-1 << (<u64>(first & 63)));
  while (bits == 0) {
    word += 1;
    if (word == 4) return 0;
    bits = load<u64>(state + S_BIN_MAPS + (<usize>word << 3));
  }
  return (word << 6) + <u32>ctz(bits);
}

function takeSmall(state: usize, index: u32): usize {
  const bin = state + S_BINS + (<usize>index << 2);
  const address = <usize>load<u32>(bin);
  const next = load<u32>(address);
  store<u32>(bin, next);
  if (next == 0) {
    const map = state + S_BIN_MAPS + (<usize>(index >> 6) << 3);
    store<u64>(map, load<u64>(map) & ~((<u64>1) << (<u64>(index & 63))));
  }
  store<u32>(state, load<u32>(state, S_FREE_BYTES) - (index << 2), S_FREE_BYTES);
  return address;
}

/** A large place that surely holds `bytes`, 0 for none. */
function takeLarge(state: usize, bytes: u32): usize {
  const lowest = bytes < SMALL_BYTES ? largeBin(SMALL_BYTES) : largeBin(bytes) + 1;
  if (lowest >= LARGE_BINS) return 0;
  const bits = load<u32>(state, S_LARGE_MAP) & (<u32>-1 << lowest);
  if (bits == 0) return 0;
  const index = <u32>ctz(bits);
  const bin = state + S_BINS + (<usize>(SMALL_BINS + index) << 2);
  const address = <usize>load<u32>(bin);
  const next = load<u32>(address);
  store<u32>(bin, next);
  if (next == 0) store<u32>(state, load<u32>(state, S_LARGE_MAP) & ~(1 << index), S_LARGE_MAP);
  const size = load<u32>(address, 4);
  store<u32>(state, load<u32>(state, S_FREE_BYTES) - size, S_FREE_BYTES);
  release(state, address + bytes, size - bytes);
  return address;
}

/** A place of `bytes`, a multiple of 4, with anything in it. */
export function allocate(state: usize, bytes: u32): usize {
  if (bytes < SMALL_BYTES) {
    const exact = <usize>load<u32>(state + S_BINS + (<usize>(bytes >> 2) << 2));
    if (exact != 0) return takeSmall(state, bytes >> 2);
    if (bytes + REST_BYTES_MIN < SMALL_BYTES) {
      const index = smallBinFrom(state, bytes + REST_BYTES_MIN);
      if (index != 0) {
        const address = takeSmall(state, index);
        release(state, address + bytes, (index << 2) - bytes);
        return address;
      }
    }
  }
  const large = takeLarge(state, bytes);
  if (large != 0) return large;
  const address = <usize>load<u32>(state, S_HEAP_NEXT);
  store<u32>(state, <u32>address + bytes, S_HEAP_NEXT);
  return address;
}
