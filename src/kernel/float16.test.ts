import { describe, expect, it } from "vitest";
import { decodeFloat16, encodeFloat16 } from "./float16.js";

/** Value of a binary16 pattern by the definition of the format. */
function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const allPatterns = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);

function encodeOne(value: number): number {
  const target = new Uint16Array(1);
  encodeFloat16(Float32Array.of(value), target);
  return target[0] as number;
}

describe("float16", () => {
  it("decodes every pattern to its value", () => {
    const decoded = new Float32Array(65_536);
    decodeFloat16(allPatterns, decoded);
    for (let bits = 0; bits < 65_536; bits++) expect(Object.is(decoded[bits], halfValue(bits))).toBe(true);
  });

  it("encodes every decoded number back to its pattern", () => {
    const decoded = new Float32Array(65_536);
    const encoded = new Uint16Array(65_536);
    decodeFloat16(allPatterns, decoded);
    encodeFloat16(decoded, encoded);
    for (let bits = 0; bits < 65_536; bits++) {
      const isNoNumber = (bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0;
      if (isNoNumber) expect(halfValue(encoded[bits] as number)).toBeNaN();
      else expect(encoded[bits]).toBe(bits);
    }
  });

  it("rounds to nearest, and to even half way between two numbers", () => {
    for (let bits = 0; bits < 0x7bff; bits++) {
      const low = halfValue(bits);
      const high = halfValue(bits + 1);
      const middle = (low + high) / 2;
      const ulp = middle * 2 ** -20;
      expect(encodeOne(middle)).toBe(bits + (bits & 1));
      expect(encodeOne(middle - ulp)).toBe(bits);
      expect(encodeOne(-middle - ulp)).toBe((bits + 1) | 0x8000);
    }
  });

  it("makes 65,520 and above infinite, and what is below half of the least subnormal zero", () => {
    expect(encodeOne(65_519.996)).toBe(0x7bff);
    expect(encodeOne(65_520)).toBe(0x7c00);
    expect(encodeOne(-1e38)).toBe(0xfc00);
    expect(encodeOne(2 ** -25)).toBe(0);
    expect(encodeOne(2 ** -25 * 1.000001)).toBe(1);
    expect(encodeOne(-(2 ** -26))).toBe(0x8000);
  });
});
