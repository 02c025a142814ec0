import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Id } from "../types.js";
import { decodeRecordBatch, encodeRecordBatch, type IdsEncoding, idsEncodingOf } from "./record-batch.js";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const invalid = expect.objectContaining({ code: "INVALID_ARGUMENT" });
const vectors = Float32Array.of(1, 2, 3, 4);
const vectorHex = "0000803f000000400000404000008040";

const shape = (idsEncoding: IdsEncoding, idsStart?: number) =>
  ({ dim: 2, count: 2, vectorEncoding: "float32", idsEncoding, idsStart }) as const;

describe("record batch", () => {
  it("is laid out byte by byte, with each encoding of ids", () => {
    const range = encodeRecordBatch(vectors, [7, 8]);
    expect([hex(range.body), range.idsEncoding, range.idsStart]).toEqual([vectorHex, "range", 7]);

    const raw = encodeRecordBatch(vectors, [2 ** 53 - 1, 0], [null, { a: 1 }]);
    const ids = "ffffffffffff1f000000000000000000";
    const fields = "4c44424631020000000001010000000100000061040100000000000000";
    expect([hex(raw.body), raw.idsEncoding, raw.idsStart]).toEqual([vectorHex + ids + fields, "raw", null]);

    const strings = encodeRecordBatch(vectors, ["é", "ab"], null, "float16");
    expect([hex(strings.body), strings.idsEncoding]).toEqual([
      "003c004000420044" + "02000000c3a9" + "020000006162",
      "strings",
    ]);
  });

  it("gives rows back", async () => {
    const id = fc.oneof(
      fc.uniqueArray(fc.nat(), { maxLength: 20 }),
      fc.uniqueArray(fc.string({ minLength: 1, unit: "grapheme" }), { maxLength: 20 }),
    );
    await fc.assert(
      fc.asyncProperty(id, fc.integer({ min: 1, max: 5 }), fc.boolean(), async (ids: Id[], dim, hasFields) => {
        const data = Float32Array.from({ length: ids.length * dim }, (_, i) => i / 3);
        const fields = hasFields ? ids.map((_, i) => (i % 2 === 0 ? { i } : null)) : null;
        const { body, idsEncoding, idsStart } = encodeRecordBatch(data, ids, fields);
        const given = { dim, count: ids.length, vectorEncoding: "float32", idsEncoding } as const;
        const batch = await decodeRecordBatch(body, idsStart === null ? given : { ...given, idsStart });
        expect(batch).toEqual({ ids, vectors: { data, dim }, fields });
      }),
    );
  });

  it("says which encoding ids can have", () => {
    expect(idsEncodingOf([])).toBe("raw");
    expect(idsEncodingOf([5])).toBe("range");
    expect(idsEncodingOf([5, 6, 8])).toBe("raw");
    expect(idsEncodingOf(["5"])).toBe("strings");
    expect(idsEncodingOf([5, "6"])).toBeNull();
    expect(idsEncodingOf(["5", 6])).toBeNull();
    expect(() => encodeRecordBatch(vectors, [5, "6"])).toThrow(invalid);
  });

  it("refuses bodies that are shorter or longer than they say", async () => {
    const { body } = encodeRecordBatch(vectors, [7, 9]);
    for (let length = 0; length < body.length; length++) {
      await expect(decodeRecordBatch(body.subarray(0, length), shape("raw")), `${length} bytes`).rejects.toThrow(
        invalid,
      );
    }
    const longer = new Uint8Array(body.length + 1);
    longer.set(body);
    await expect(decodeRecordBatch(longer, shape("raw"))).rejects.toThrow(/does not begin with "LDBF1"/);
    await expect(decodeRecordBatch(new Uint8Array(8), { ...shape("range", 0), count: 2 ** 31 })).rejects.toThrow(
      /Expected at least 17179869184 bytes/,
    );
  });

  it("refuses ids that are no exact integers, and ranges without room", async () => {
    const { body } = encodeRecordBatch(vectors, [7, 9]);
    body[16 + 6] = 0x20;
    await expect(decodeRecordBatch(body, shape("raw"))).rejects.toThrow(/2\^53/);
    for (const start of [undefined, -1, 1.5, Number.NaN, Number.MAX_SAFE_INTEGER]) {
      await expect(decodeRecordBatch(body.subarray(0, 16), shape("range", start))).rejects.toThrow(/ids_start/);
    }
  });

  it("refuses string ids whose lengths lie", async () => {
    const { body } = encodeRecordBatch(vectors, ["a", "b"]);
    const view = new DataView(body.buffer);
    view.setUint32(16, 0xffff_ffff, true);
    await expect(decodeRecordBatch(body, shape("strings"))).rejects.toThrow(/count of 4294967295/);
  });
});
