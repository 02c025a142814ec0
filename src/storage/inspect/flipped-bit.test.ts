import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32 } from "../crc32.js";
import { flippedBit } from "./flipped-bit.js";

test("a bit turned over is found by the two checksums", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(), fc.nat(7), (bytes, at, bit) => {
      const hurt = bytes.slice();
      const byte = at % bytes.length;
      hurt[byte]! ^= 1 << bit;
      expect(flippedBit(crc32(bytes) ^ crc32(hurt), bytes.length)).toEqual({ byte, mask: 1 << bit });
    }),
  );
});

test("two bits, or none, are not taken for one", () => {
  const bytes = new Uint8Array(4096);
  for (let at = 0; at < 100; at++) {
    const hurt = bytes.slice();
    hurt[at]! ^= 1;
    hurt[at * 7 + 500]! ^= 64;
    expect(flippedBit(crc32(bytes) ^ crc32(hurt), bytes.length)).toBe(null);
  }
  expect(flippedBit(0, 4096)).toBe(null);
});
