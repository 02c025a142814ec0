/**
 * What may have become of a file?
 */
import type { SeededRandom } from "../../src/storage/seeded-random.js";

/** Another file of about the same size: bytes overwritten, cut out, doubled, zeroed, or all of them random. */
export function mangled(intact: Uint8Array, random: SeededRandom): Uint8Array {
  const from = random.below(intact.length + 1);
  const to = from + random.below(intact.length + 1 - from);
  const before = intact.slice(0, from);
  const after = intact.slice(to);
  const noise = Uint8Array.from({ length: random.below(200) }, () => random.below(256));
  const choice = random.below(6);
  if (choice === 0) return Uint8Array.from([...before, ...noise, ...after]);
  if (choice === 1) return Uint8Array.from([...before, ...after]);
  if (choice === 2) return Uint8Array.from([...intact.slice(0, to), ...intact.slice(from)]);
  if (choice === 3) return Uint8Array.from([...before, ...new Uint8Array(to - from), ...after]);
  if (choice === 4) return Uint8Array.from([...intact, ...noise]);
  return noise;
}
