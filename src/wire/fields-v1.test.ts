import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeFieldsV1, encodeFieldsV1 } from "./fields-v1.js";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
const magic = "4c44424631";
const invalid = expect.objectContaining({ code: "INVALID_ARGUMENT" });

/** A block of one row with one member called `a`. */
const oneValue = (value: string): Uint8Array => bytesOf(`${magic} 01000000 01 01000000 01000000 61 ${value}`);

describe("fields block", () => {
  it("is laid out byte by byte", () => {
    const rows = [
      null,
      {},
      { n: null, f: false, t: true },
      { i: -2, u: 7, d: 1.5 },
      { s: "é" },
      { a: [1, "x"], o: { k: [] } },
    ];
    const expected = `
      4c44424631 06000000
      00
      01 00000000
      01 03000000  01000000 6e 00  01000000 66 01  01000000 74 02
      01 03000000  01000000 69 03 feffffffffffffff  01000000 75 04 0700000000000000  01000000 64 05 000000000000f83f
      01 01000000  01000000 73 06 02000000 c3a9
      01 02000000  01000000 61 07 02000000 04 0100000000000000 06 01000000 78
                   01000000 6f 08 01000000 01000000 6b 07 00000000`;
    expect(hex(encodeFieldsV1(rows))).toBe(hex(bytesOf(expected)));
  });

  it("gives back any JSON metadata", async () => {
    // -0 is written as an integer, as JSON has it.
    const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)));
    const row = fc.option(fc.dictionary(fc.string({ unit: "binary", maxLength: 40 }), json, { maxKeys: 6 }));
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 8 }), async (rows) => {
        expect(await decodeFieldsV1(encodeFieldsV1(rows), rows.length)).toEqual(rows);
      }),
    );
  });

  it("keeps repeated, equally long and colliding keys apart", async () => {
    const keys = Array.from({ length: 3000 }, (_, i) => `key${i}`);
    const rows = [0, 1].map((row) => Object.fromEntries(keys.map((key, i) => [key, i + row])));
    expect(await decodeFieldsV1(encodeFieldsV1(rows), 2)).toEqual(rows);
  });

  it("keeps texts of every length, also with a byte order mark", async () => {
    const rows = Array.from({ length: 130 }, (_, n) => ({ ascii: "x".repeat(n), more: `\ufeff${"ü".repeat(n)}` }));
    expect(await decodeFieldsV1(encodeFieldsV1(rows), rows.length)).toEqual(rows);
  });

  it("writes Dates as JSON does and leaves undefined members out", async () => {
    const when = new Date(0);
    const rows = [{ when, none: undefined, list: [when, null] }];
    expect(await decodeFieldsV1(encodeFieldsV1(rows), 1)).toEqual(JSON.parse(JSON.stringify(rows)));
  });

  it("takes 64-bit integers as the nearest number", async () => {
    const value = async (text: string): Promise<unknown> => (await decodeFieldsV1(oneValue(text), 1))[0]!["a"];
    expect(await value("04 ffffffffffffffff")).toBe(2 ** 64);
    expect(await value("03 0000000000000080")).toBe(-(2 ** 63));
    expect(await value("04 ffffffffffff1f00")).toBe(Number.MAX_SAFE_INTEGER);
    expect(await value("03 010000000000e0ff")).toBe(Number.MIN_SAFE_INTEGER);
  });

  it("has members called __proto__ and constructor like any other", async () => {
    const rows = [JSON.parse('{"__proto__":{"x":1},"constructor":2}')];
    const [row] = await decodeFieldsV1(encodeFieldsV1(rows), 1);
    expect(JSON.stringify(row)).toBe('{"__proto__":{"x":1},"constructor":2}');
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });

  it("nests 128 levels and no more, both ways", async () => {
    const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
    const deepest = [{ a: nested(128) }];
    expect(await decodeFieldsV1(encodeFieldsV1(deepest), 1)).toEqual(deepest);
    expect(() => encodeFieldsV1([{ a: nested(129) }])).toThrow(invalid);
    await expect(decodeFieldsV1(oneValue(`${"07 01000000 ".repeat(129)} 00`), 1)).rejects.toThrow(/deeper than 128/);
  });

  it.each([
    ["no bytes", "", /begin with "LDBF1"/],
    ["another magic", "4c44424632 01000000 00", /begin with "LDBF1"/],
    ["a missing count", `${magic} 0100`, /4 bytes expected/],
    ["a count of another number", `${magic} 02000000 00 00`, /has 2 entries, expected 1/],
    ["a count beyond the bytes", `${magic} ffffffff 00`, /count of 4294967295/],
    ["another entry", `${magic} 01000000 02`, /begins with 2/],
    ["too few members", `${magic} 01000000 01 01000000`, /count of 1/],
    ["members beyond the bytes", `${magic} 01000000 01 ffffff7f 00000000 00`, /count of 2147483647/],
    ["trailing bytes", `${magic} 01000000 00 00`, /1 trailing bytes/],
    ["a key that is no UTF-8", `${magic} 01000000 01 01000000 01000000 ff 00`, /no UTF-8/],
  ])("refuses %s", async (_, text, message) => {
    const promise = decodeFieldsV1(bytesOf(text), 1);
    await expect(promise).rejects.toThrow(invalid);
    await expect(promise).rejects.toThrow(message);
  });

  it.each([
    ["an unknown tag", "09", /unknown value tag 9/],
    ["NaN", "05 000000000000f87f", /not finite/],
    ["Infinity", "05 000000000000f07f", /not finite/],
    ["half a number", "04 00000000", /8 bytes expected/],
    ["a text beyond the bytes", "06 ffffffff 61", /count of 4294967295/],
    ["a text that is no UTF-8", "06 02000000 c328", /no UTF-8/],
    ["a surrogate in UTF-8", "06 03000000 eda080", /no UTF-8/],
    ["an array beyond the bytes", "07 00000010 00", /count of 268435456/],
    ["an object beyond the bytes", "08 02000000 00000000 00", /count of 2/],
  ])("refuses %s as a value", async (_, text, message) => {
    await expect(decodeFieldsV1(oneValue(text), 1)).rejects.toThrow(message);
  });

  it("refuses to write what has no form", () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1n, () => 1, Symbol("x"), "\ud800", { "\udfff": 1 }]) {
      expect(() => encodeFieldsV1([{ a: value }])).toThrow(invalid);
    }
  });

  it("survives any bytes, and any change of good ones", async () => {
    const good = encodeFieldsV1([{ title: "x", tags: ["a", "b"], n: { m: 1.5 } }, null]);
    const refusedOrRead = async (bytes: Uint8Array): Promise<void> => {
      await decodeFieldsV1(bytes, 2).catch((error: unknown) => expect(error).toEqual(invalid));
    };
    await fc.assert(
      fc.asyncProperty(
        fc.nat(good.length - 1),
        fc.nat(255),
        fc.nat(good.length),
        fc.uint8Array({ maxLength: 64 }),
        async (at, byte, length, noise) => {
          const changed = good.slice();
          changed[at] = byte;
          await refusedOrRead(changed);
          await refusedOrRead(good.subarray(0, length));
          await refusedOrRead(Uint8Array.of(...good.subarray(0, 9), ...noise));
        },
      ),
      { numRuns: 500 },
    );
  });
});
