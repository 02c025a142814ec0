import fc from "fast-check";
import { expect, test } from "vitest";
import type { Id } from "../types.js";
import { decodeRowListSection, encodeRowListSection, rowListSectionBytes } from "./row-list-section.js";
import { decodeRowsSection, encodeIds, encodeRowsSection, rowsSectionBytes } from "./rows-section.js";
import type { RowIds } from "./transaction.js";

const ascii = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 20 });
const ids: fc.Arbitrary<RowIds> = fc.oneof(
  fc.array(ascii, { minLength: 1 }),
  fc.array(fc.string({ unit: "grapheme", minLength: 1 }), { minLength: 1 }),
  fc.array(fc.maxSafeNat(), { minLength: 1 }),
  fc.array(fc.oneof(ascii, fc.maxSafeNat()), { minLength: 1 }),
  fc.maxSafeNat().map((start) => ({ start: Math.max(0, start - 100) })),
);

function encoded(source: RowIds, from: number, to: number): Uint8Array {
  const stored = encodeIds(source, from, to);
  const rowCount = to - from;
  const section = new Uint8Array(rowsSectionBytes(rowCount, stored));
  const fieldLengths = Uint32Array.from({ length: rowCount }, (_, at) => at);
  const fieldCrcs = Uint32Array.from({ length: rowCount }, (_, at) => at * 7);
  encodeRowsSection(section, { firstRow: 5, rowCount, dim: 9, vectorsCrc: 3, ids: stored, fieldLengths, fieldCrcs });
  return section;
}

/** Bytes of the JSON that `encoded` claims. */
function blobBytes(rowCount: number): number {
  return (rowCount * (rowCount - 1)) / 2;
}

test("ids of every kind, in any part of a list, are read back", () => {
  fc.assert(
    fc.property(ids, fc.nat(), fc.nat(), (source, a, b) => {
      const count = Array.isArray(source) ? source.length : 10;
      const from = a % count;
      const to = from + 1 + (b % (count - from));
      const section = decodeRowsSection(encoded(source, from, to), blobBytes(to - from));
      if (typeof section === "string") throw new Error(section);
      const found: Id[] = [];
      for (let at = 0; at < section.rowCount; at++) {
        found.push("start" in section.ids ? section.ids.start + at : section.ids[at]!);
      }
      const expected = Array.from({ length: to - from }, (_, at) =>
        Array.isArray(source) ? source[from + at] : (source as { start: number }).start + from + at,
      );
      expect(found).toEqual(expected);
      expect([section.firstRow, section.dim, section.vectorsCrc]).toEqual([5, 9, 3]);
      expect([...section.fieldCrcs]).toEqual(expected.map((_, at) => at * 7));
    }),
  );
});

test("any bytes are read as a section that adds up, or refused with a reason", () => {
  const change = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
  let refused = 0;
  fc.assert(
    fc.property(ids, change, fc.nat(40), (source, changes, cut) => {
      const count = Array.isArray(source) ? source.length : 10;
      let bytes = encoded(source, 0, count);
      for (const [at, value] of changes) bytes[at % Math.min(bytes.length, 48)] = value;
      if (cut % 3 === 0) bytes = bytes.slice(0, Math.max(0, bytes.length - cut * 8));
      const section = decodeRowsSection(bytes, blobBytes(count));
      if (typeof section === "string") {
        refused++;
        return;
      }
      expect(section.fieldLengths.length).toBe(section.rowCount);
      expect(section.fieldCrcs.length).toBe(section.rowCount);
      if (!("start" in section.ids)) expect(section.ids.length).toBe(section.rowCount);
      expect(section.fieldLengths.reduce((sum, length) => sum + length, 0)).toBe(blobBytes(count));
    }),
    { numRuns: 500 },
  );
  expect(refused).toBeGreaterThan(50);
});

test("lists of rows are read back; others are refused", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(0xffff_fffe), { minLength: 1 }), fc.nat(), fc.nat(300), (rows, start, length) => {
      const from = start % rows.length;
      const bytes = new Uint8Array(rowListSectionBytes(rows.length - from));
      encodeRowListSection(bytes, rows, from, rows.length);
      expect([...decodeRowListSection(bytes)!]).toEqual(rows.slice(from));
      if (length !== bytes.length && length % 8 === 0) {
        const other = new Uint8Array(length);
        other.set(bytes.subarray(0, length));
        expect(decodeRowListSection(other)).toBe(null);
      }
    }),
  );
});
