/**
 * How is a CRC-32 computed without the platform's help?
 *
 * The IEEE 802.3 polynomial, reflected, as zlib computes it, by "slicing-by-8" (Kounavis and Berry, "A Systematic
 * Approach to Building High Performance Software-based CRC Generators", 2005): eight table look-ups take in eight
 * bytes. Works on a range of an array, since for a short range a call into native code costs more than the work itself.
 */

const polynomial = 0xedb88320;

/** Eight tables of 256 entries: entry `t * 256 + b` is the CRC of byte `b` followed by `t` zero bytes. */
const tables = makeTables();

function makeTables(): Uint32Array {
  const made = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    made[byte] = crc;
  }
  for (let at = 256; at < made.length; at++) {
    const before = made[at - 256]!;
    made[at] = (before >>> 8) ^ made[before & 0xff]!;
  }
  return made;
}

/** CRC-32 of `bytes[start, end)`, continued from `previous`. */
export function crc32(bytes: Uint8Array, previous = 0, start = 0, end = bytes.length): number {
  let crc = ~previous;
  let at = start;
  const endOfEights = end - 7;
  while (at < endOfEights) {
    const low = crc ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
    crc =
      tables[1792 + (low & 0xff)]! ^
      tables[1536 + ((low >>> 8) & 0xff)]! ^
      tables[1280 + ((low >>> 16) & 0xff)]! ^
      tables[1024 + (low >>> 24)]! ^
      tables[768 + bytes[at + 4]!]! ^
      tables[512 + bytes[at + 5]!]! ^
      tables[256 + bytes[at + 6]!]! ^
      tables[bytes[at + 7]!]!;
    at += 8;
  }
  while (at < end) {
    crc = (crc >>> 8) ^ tables[(crc ^ bytes[at]!) & 0xff]!;
    at++;
  }
  return ~crc >>> 0;
}
