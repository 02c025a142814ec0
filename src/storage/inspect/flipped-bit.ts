/**
 * If one bit of these bytes was turned over, which?
 *
 * CRC-32 is linear: the checksum of damaged bytes differs from the one that was kept by a value that depends on the place of
 * the damage alone, and for two single bits it is never the same below 2^32 bits (the generator's order). The value is taken
 * back byte by byte from the end until it is one that a bit of a last byte makes. Damage of another kind looks like a single
 * bit with a probability of about one in 2^32 / bits, so that the caller looks at the bytes as well.
 */

const polynomial = 0xedb8_8320;

/** Where a bit lies: its byte, and a mask with that bit alone. */
export interface BitPlace {
  readonly byte: number;
  readonly mask: number;
}

/** State after one byte, for a state whose other bytes are zero. */
const forward = Uint32Array.from({ length: 256 }, (_, byte) => {
  let state = byte;
  for (let bit = 0; bit < 8; bit++) state = (state >>> 1) ^ ((state & 1) * polynomial);
  return state >>> 0;
});

/** The byte whose table value has this highest byte: distinct for all 256. */
const byteOfHighest = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) byteOfHighest[forward[byte]! >>> 24] = byte;

/** Differences that a bit of the last byte makes, and the bit. */
const lastByte = new Map<number, number>(Array.from({ length: 8 }, (_, bit) => [forward[1 << bit]!, 1 << bit]));

/** The bit of `length` bytes whose turning over changes their CRC-32 by `difference` (exclusive or); null where none does. */
export function flippedBit(difference: number, length: number): BitPlace | null {
  let state = difference >>> 0;
  for (let byte = length - 1; byte >= 0; byte--) {
    const mask = lastByte.get(state);
    if (mask !== undefined) return { byte, mask };
    // The state before a zero byte.
    const index = byteOfHighest[state >>> 24]!;
    state = (((state ^ forward[index]!) << 8) | index) >>> 0;
  }
  return null;
}
