import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeHeadBlock, encodeHeadBlock } from "./head-block.js";
import { decodeSearchBlock, decodeSearchBlocks, encodeSearchBlock, encodeSearchBlocks } from "./search-block.js";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const invalid = expect.objectContaining({ code: "INVALID_ARGUMENT" });

const bare = { ids: [3, 2 ** 53 - 1], distances: Float32Array.of(1, 0.5), fields: null };
const bareHex = "02000000" + "0300000000000000" + "ffffffffffff1f00" + "0000803f0000003f" + "00000000";
const full = { ids: [1], distances: Float32Array.of(2), fields: [{ a: "é" }] };
const fullHex = `01000000${"0100000000000000"}${"00000040"}0c000000${Buffer.from('[{"a":"é"}]').toString("hex")}`;
const empty = { ids: [], distances: new Float32Array(0), fields: null };

const block = fc.array(
  fc.record({ id: fc.nat(), distance: fc.float(), field: fc.dictionary(fc.string(), fc.string()) }),
  { maxLength: 40 },
);

describe("search block", () => {
  it("is laid out byte by byte", async () => {
    expect(hex(await encodeSearchBlock(bare))).toBe(bareHex);
    expect(hex(await encodeSearchBlock(full))).toBe(fullHex);
    expect(hex(await encodeSearchBlock(empty))).toBe("0000000000000000");
    expect(hex(await encodeSearchBlocks([bare, full]))).toBe(`02000000${bareHex}${fullHex}`);
    expect(hex(await encodeSearchBlocks([]))).toBe("00000000");
  });

  it("gives results back", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(block, { maxLength: 4 }), fc.boolean(), async (rows, hasFields) => {
        const results = rows.map((each) => ({
          ids: each.map(({ id }) => id),
          distances: Float32Array.from(each, ({ distance }) => distance),
          fields: hasFields ? each.map(({ field }) => ({ ...field })) : null,
        }));
        expect(decodeSearchBlocks(await encodeSearchBlocks(results), results.length)).toEqual(results);
        for (const result of results) expect(decodeSearchBlock(await encodeSearchBlock(result))).toEqual(result);
      }),
    );
  });

  it("reads at any alignment", async () => {
    const shifted = new Uint8Array([0, ...(await encodeSearchBlock(bare))]).subarray(1);
    expect(decodeSearchBlock(shifted)).toEqual(bare);
  });

  it("refuses another number of results, and bytes that are missing or left over", async () => {
    const bytes = await encodeSearchBlocks([bare, full]);
    expect(() => decodeSearchBlocks(bytes, 1)).toThrow(/2 results, expected 1/);
    expect(() => decodeSearchBlocks(Uint8Array.of(...bytes, 0), 2)).toThrow(/trailing/);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeSearchBlocks(bytes.subarray(0, length), 2), `${length} bytes`).toThrow(invalid);
    }
    expect(() => decodeSearchBlocks(Uint8Array.of(255, 255, 255, 255), 2 ** 32 - 1)).toThrow(invalid);
  });

  it("refuses metadata that is not one object a row", async () => {
    for (const text of ["[", "{}", "[1]", "[null]", "[[]]", "[{},{}]", "null"]) {
      const bytes = Buffer.concat([
        Buffer.from(fullHex, "hex").subarray(0, 16),
        Buffer.from([text.length, 0, 0, 0]),
        Buffer.from(text),
      ]);
      expect(() => decodeSearchBlock(bytes), text).toThrow(invalid);
    }
  });

  it("survives any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(3), (bytes, count) => {
        for (const read of [
          () => decodeSearchBlock(bytes),
          () => decodeSearchBlocks(bytes, count),
          () => decodeHeadBlock(bytes),
        ]) {
          try {
            read();
          } catch (error) {
            expect(error).toEqual(invalid);
          }
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("head block", () => {
  it("is laid out byte by byte", async () => {
    const rows = { dim: 2, vectors: Float32Array.of(1, 2, 3, 4), ids: [5, 6], fields: [{}, { a: 1 }] };
    const expected = [
      "02000000",
      "02000000",
      "0000803f000000400000404000008040",
      "05000000000000000600000000000000",
      "0c000000",
      Buffer.from('[{},{"a":1}]').toString("hex"),
    ].join("");
    const bytes = await encodeHeadBlock(rows);
    expect(hex(bytes)).toBe(expected);
    expect(decodeHeadBlock(bytes)).toEqual(rows);
  });

  it("is empty for a collection without rows", async () => {
    const rows = { dim: 0, vectors: new Float32Array(0), ids: [], fields: null };
    const bytes = await encodeHeadBlock(rows);
    expect(hex(bytes)).toBe("000000000000000000000000");
    expect(decodeHeadBlock(bytes)).toEqual(rows);
  });

  it("refuses sizes beyond the bytes before it makes room for them", () => {
    const bytes = Uint8Array.of(1, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0);
    expect(() => decodeHeadBlock(bytes)).toThrow(invalid);
  });
});
