/** Is text compared by code point, well-formed or not? */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareText, countCharacters, includesText } from "./text-order.js";

const unit = fc.constantFrom("a", "b", "\uffff", "\ue000", "\u{1f600}", "\u{1f601}", "\ud83d", "\ude00", "\u{10000}");
const text = fc.array(unit, { maxLength: 6 }).map((units) => units.join(""));

/** The code points; what stands in pairs is one. */
const points = (of: string): number[] => [...of].map((character) => character.codePointAt(0) ?? 0);

describe("text", () => {
  it("is ordered as its code points are", () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const [left, right] = [points(a), points(b)];
        const at = left.findIndex((point, index) => point !== right[index]);
        const expected = at === -1 ? left.length - right.length : left[at]! - (right[at] ?? -1);
        expect(Math.sign(compareText(a, b))).toBe(Math.sign(expected));
      }),
      { numRuns: 5000 },
    );
    expect(compareText("\uff5e", "\u{1f600}")).toBeLessThan(0);
    expect("\uff5e" < "\u{1f600}").toBe(false);
  });

  it("contains what its code points contain", () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const [whole, part] = [points(a), points(b)];
        const expected = whole.some((_, at) => part.every((point, index) => whole[at + index] === point));
        expect(includesText(a, b)).toBe(expected || part.length === 0);
      }),
      { numRuns: 5000 },
    );
    expect(includesText("\u{1f600}", "\ud83d")).toBe(false);
    expect(includesText("\ud83d", "\ud83d")).toBe(true);
  });

  it("has as many characters as code points", () => {
    fc.assert(
      fc.property(text, (a) => {
        expect(countCharacters(a)).toBe(points(a).length);
      }),
    );
  });
});
