/**
 * What could stand in a section in place of what belongs there?
 *
 * Other bytes with a meaning that is near the right one: what a mistake in a program, another version or memory that
 * lies would leave. They follow from a seed.
 */
import type { SeededRandom } from "../../src/storage/seeded-random.js";

/** Bytes by the name of their section. */
export type Sections = ReadonlyMap<string, Uint8Array>;

/** Numbers that counts, offsets and rows are wrong by, where there are `rowCount` rows. */
export function oddWordsOf(rowCount: number): readonly number[] {
  const aroundRows = [rowCount - 1, rowCount, rowCount + 1];
  return [0, 1, 2, ...aroundRows, 65_536, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
}

/** Other bytes of the same meaning: flipped, cut off, lengthened, zeroed, moved, or a word replaced. */
export function mutatedBytes(intact: Uint8Array, oddWords: readonly number[], seeded: SeededRandom): Uint8Array {
  const bytes = intact.slice();
  const at = seeded.below(Math.max(1, bytes.length));
  const to = at + seeded.below(bytes.length + 1 - Math.min(at, bytes.length));
  const choice = seeded.below(8);
  if (choice === 0) return bytes.subarray(0, at);
  if (choice === 1) return Uint8Array.from([...bytes, ...bytes.subarray(at, to)]);
  if (choice === 2) return bytes.fill(0, at, to);
  if (choice === 3) return bytes.fill(0xff, at, to);
  if (choice === 4) return bytes.copyWithin(at, seeded.below(bytes.length + 1));
  if (choice === 5 && bytes.length > 0) {
    bytes[at]! ^= 1 << seeded.below(8);
    return bytes;
  }
  const words = bytes.length >>> 2;
  // The first words of a section count more often than they are.
  const word = seeded.below(seeded.oneIn(2) ? Math.min(16, words) : words);
  const value = oddWords[seeded.below(oddWords.length)]!;
  if (words > 0) new DataView(bytes.buffer).setUint32(4 * word, value, true);
  return bytes;
}

/** A description in which one number is another one; other sections change as bytes do. */
function mutatedSection(intact: Uint8Array, oddWords: readonly number[], seeded: SeededRandom): Uint8Array {
  const text = new TextDecoder().decode(intact);
  if (!text.startsWith("{") || seeded.oneIn(4)) return mutatedBytes(intact, oddWords, seeded);
  const numbers = [...text.matchAll(/\d+/g)];
  const { 0: digits, index } = numbers[seeded.below(numbers.length)]!;
  const odd = [...oddWords, Number(digits) + 1, Number(digits) - 1, "1e300", "null", "2.5"];
  const other = odd[seeded.below(odd.length)];
  return new TextEncoder().encode(text.slice(0, index) + other + text.slice(index + digits.length));
}

/** Sections of which one or two are others: changed, exchanged or missing. */
export function mutatedSections(intact: Sections, oddWords: readonly number[], seeded: SeededRandom): Sections {
  const sections = new Map(intact);
  const keys = [...intact.keys()];
  const key = keys[seeded.below(keys.length)]!;
  const choice = seeded.below(12);
  if (choice === 0) {
    const other = keys[seeded.below(keys.length)]!;
    return sections.set(key, intact.get(other)!).set(other, intact.get(key)!);
  }
  if (choice === 1) {
    sections.delete(key);
    return sections;
  }
  for (let count = 1 + seeded.below(2); count > 0; count--) {
    const changed = keys[seeded.below(keys.length)]!;
    sections.set(changed, mutatedSection(sections.get(changed)!, oddWords, seeded));
  }
  return sections;
}
