/** Is a bitset a set of rows? */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isLynseError } from "../errors.js";
import { Bitset } from "./bitset.js";

const lengths = fc.constantFrom(0, 1, 31, 32, 33, 64, 100);
const model = lengths.chain((length) =>
  fc.record({
    length: fc.constant(length),
    a: fc.uniqueArray(fc.nat({ max: Math.max(0, length - 1) }), { maxLength: length }),
    b: fc.uniqueArray(fc.nat({ max: Math.max(0, length - 1) }), { maxLength: length }),
  }),
);

function bitsetOf(length: number, rows: readonly number[]): Bitset {
  const bits = new Bitset(length);
  for (const row of rows) bits.set(row);
  return bits;
}

const sorted = (rows: Iterable<number>): number[] => [...rows].sort((a, b) => a - b);

function throwsInternal(call: () => unknown): boolean {
  try {
    call();
  } catch (error) {
    return isLynseError(error, "INTERNAL");
  }
  return false;
}

describe("a bitset", () => {
  it("does what sets do", () => {
    fc.assert(
      fc.property(model, ({ length, a, b }) => {
        const all = Array.from({ length }, (_, row) => row);
        const [left, right] = [bitsetOf(length, a), bitsetOf(length, b)];
        expect([...left.rows()]).toEqual(sorted(a));
        expect(left.count()).toBe(a.length);
        expect(left.isEmpty()).toBe(a.length === 0);
        expect(all.filter((row) => left.has(row))).toEqual(sorted(a));
        expect([...left.copy().and(right).rows()]).toEqual(sorted(a.filter((row) => b.includes(row))));
        expect([...left.copy().or(right).rows()]).toEqual(sorted(new Set([...a, ...b])));
        expect([...left.copy().andNot(right).rows()]).toEqual(sorted(a.filter((row) => !b.includes(row))));
        expect([...left.copy().not().rows()]).toEqual(all.filter((row) => !a.includes(row)));
        const walked: number[] = [];
        for (let row = left.next(0); row !== -1; row = left.next(row + 1)) walked.push(row);
        expect(walked).toEqual(sorted(a));
        for (const row of b) left.clear(row);
        expect([...left.rows()]).toEqual(sorted(a.filter((row) => !b.includes(row))));
        expect([...right.rows()]).toEqual(sorted(b));
      }),
      { numRuns: 500 },
    );
  });

  it("grows and is cut without rows that nobody set", () => {
    const bits = bitsetOf(40, [0, 31, 39]);
    bits.grow(41);
    bits.grow(1000);
    bits.set(999);
    expect([...bits.rows()]).toEqual([0, 31, 39, 999]);
    expect(bits.not().count()).toBe(996);
    const cut = bits.not().copy(39);
    expect([...cut.rows()]).toEqual([0, 31]);
    expect(cut.words.length).toBe(2);
    expect(cut.copy(64).count()).toBe(2);
  });

  it("clears what lies beyond its length in words that it takes over", () => {
    const bits = Bitset.fromWords(new Uint32Array([0xffffffff, 0xffffffff]), 33);
    expect(bits.count()).toBe(33);
    expect(bits.next(33)).toBe(-1);
    expect(bits.memoryBytes()).toBe(8);
  });

  it("refuses rows and sets that do not fit", () => {
    expect(throwsInternal(() => new Bitset(32).set(32))).toBe(true);
    expect(throwsInternal(() => new Bitset(32).clear(32))).toBe(true);
    expect(throwsInternal(() => new Bitset(32).and(new Bitset(33)))).toBe(true);
    expect(throwsInternal(() => new Bitset(32).or(new Bitset(31)))).toBe(true);
    expect(throwsInternal(() => new Bitset(32).grow(31))).toBe(true);
    expect(throwsInternal(() => Bitset.fromWords(new Uint32Array(1), 33))).toBe(true);
    expect(new Bitset(32).has(32)).toBe(false);
  });
});
