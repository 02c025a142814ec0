import fc from "fast-check";
import { expect, test } from "vitest";
import { VectorRanges } from "./vector-ranges.js";

const pushed = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat(0xffff_ffff)), { maxLength: 200 });

test("every row is in the range that was pushed for it, also after a checkpoint", () => {
  fc.assert(
    fc.property(pushed, (list) => {
      const ranges = new VectorRanges();
      for (const [rowCount, crc] of list) ranges.push(rowCount, crc);
      const read = VectorRanges.fromBytes(ranges.toBytes());
      expect(read).not.toBe(null);
      for (const each of [ranges, read!]) {
        let row = 0;
        list.forEach(([rowCount, crc], at) => {
          for (let end = row + rowCount; row < end; row++) expect(each.indexOf(row)).toBe(at);
          expect([each.endOf(at), each.crcOf(at)]).toEqual([row, crc]);
        });
        expect([each.count, each.rowCount]).toEqual([list.length, row]);
        each.push(2, 1);
        expect(each.rowCount).toBe(row + 2);
      }
    }),
  );
});

test("bytes that cannot be ranges are refused", () => {
  expect(VectorRanges.fromBytes(new Uint8Array(7))).toBe(null);
  expect(VectorRanges.fromBytes(new Uint8Array(16))).toBe(null);
});
