import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isLynseError } from "../errors.js";
import { limits } from "../limits.js";
import { checkSparse, decodeSparse, encodeSparse } from "./sparse-vector.js";

const check = (vector: unknown) => checkSparse(vector, () => "the sparse vector of id 7");
const entriesOf = (vector: unknown): [number, number][] => {
  const { indices, values } = check(vector);
  return Array.from(indices, (index, i) => [index, values[i]!]);
};

function refusal(vector: unknown): { readonly code: string; readonly message: string } {
  try {
    check(vector);
  } catch (error) {
    if (isLynseError(error)) return error;
    throw error;
  }
  throw new Error("the vector was accepted");
}

describe("checkSparse", () => {
  test("takes every form and gives the same vector", () => {
    const expected = [
      [0, 1.5],
      [7, -2],
      [4_294_967_295, 0.25],
    ];
    expect(entriesOf({ 7: -2, 0: 1.5, 4294967295: 0.25 })).toEqual(expected);
    expect(
      entriesOf(
        new Map([
          [4_294_967_295, 0.25],
          [7, -2],
          [0, 1.5],
        ]),
      ),
    ).toEqual(expected);
    expect(
      entriesOf([
        [7, -2],
        [4_294_967_295, 0.25],
        [0, 1.5],
      ]),
    ).toEqual(expected);
    expect(entriesOf({ indices: [7, 0, 4_294_967_295], values: [-2, 1.5, 0.25] })).toEqual(expected);
    expect(entriesOf({ indices: Uint32Array.of(0, 7, 4_294_967_295), values: Float64Array.of(1.5, -2, 0.25) })).toEqual(
      expected,
    );
  });

  test("drops zeros, and weights that float32 rounds to zero", () => {
    expect(
      entriesOf([
        [1, 0],
        [2, -0],
        [3, 1e-60],
        [4, 1],
      ]),
    ).toEqual([[4, 1]]);
    expect(entriesOf({})).toEqual([]);
    expect(entriesOf([])).toEqual([]);
  });

  test("sums a repeated index in float64, before rounding", () => {
    expect(
      entriesOf([
        [5, 1],
        [3, 2],
        [5, 2 ** -24],
        [5, 2 ** -24],
      ]),
    ).toEqual([
      [3, 2],
      [5, 1 + 2 ** -23],
    ]);
    expect(
      entriesOf([
        [5, 1],
        [5, -1],
      ]),
    ).toEqual([]);
    expect(entriesOf({ indices: [1, 1, 1], values: [3e38, 3e38, -3e38] })[0]?.[1]).toBe(Math.fround(3e38));
  });

  test.each([
    [[[1.5, 1]], "INVALID_VECTOR", "1.5"],
    [[[-1, 1]], "INVALID_VECTOR", "-1"],
    [[[4_294_967_296, 1]], "INVALID_VECTOR", "4294967296"],
    [{ "01": 1 }, "INVALID_VECTOR", '"01"'],
    [{ word: 1 }, "INVALID_VECTOR", '"word"'],
    [new Map([["3", 1]]), "INVALID_VECTOR", '"3"'],
    [{ 3: Number.NaN }, "INVALID_VECTOR", "index 3"],
    [{ 3: Number.POSITIVE_INFINITY }, "INVALID_VECTOR", "index 3"],
    [{ 3: 1e39 }, "INVALID_VECTOR", "1e+39 at index 3"],
    [
      [
        [3, 3e38],
        [3, 3e38],
      ],
      "INVALID_VECTOR",
      "index 3",
    ],
    [{ 3: "1" }, "INVALID_VECTOR", 'the text "1" at index 3'],
    [[[3, null]], "INVALID_VECTOR", "null at index 3"],
    [[[3]], "INVALID_ARGUMENT", "an array of 1 at position 0"],
    [[0.5, 0.25], "INVALID_ARGUMENT", "the number 0.5 at position 0"],
    [{ indices: [1, 2], values: [1] }, "INVALID_ARGUMENT", "2 indices and 1 values"],
    [{ indices: [1] }, "INVALID_ARGUMENT", "undefined"],
    [{ values: [1] }, "INVALID_ARGUMENT", "indices"],
    [new Float32Array(3), "INVALID_ARGUMENT", "Float32Array"],
    [null, "INVALID_ARGUMENT", "null"],
    ["1:2", "INVALID_ARGUMENT", "1:2"],
    [undefined, "INVALID_ARGUMENT", "undefined"],
  ])("refuses %j as %s, naming what was given", (vector, code, part) => {
    const error = refusal(vector);
    expect(error.code).toBe(code);
    expect(error.message).toContain("the sparse vector of id 7");
    expect(error.message).toContain(part);
  });

  test("takes as many weights as the limit says, and no more", () => {
    const entries = new Map(Array.from({ length: limits.sparseValuesMax }, (_, i) => [i * 3, 1] as const));
    expect(check(entries).indices.length).toBe(limits.sparseValuesMax);
    entries.set(1, 1);
    expect(refusal(entries).code).toBe("LIMIT_EXCEEDED");
  });
});

describe("the stored form", () => {
  test("gives back any vector", () => {
    const entry = fc.tuple(
      fc.nat({ max: 2 ** 32 - 1 }),
      fc.float({ noNaN: true, noDefaultInfinity: true }).filter((value) => value !== 0),
    );
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        const sparse = check(new Map(entries));
        expect(decodeSparse(encodeSparse(sparse))).toEqual(sparse);
      }),
    );
  });

  test("is empty for the empty vector", () => {
    expect(encodeSparse(check({})).length).toBe(0);
  });

  test("reads at any offset of a buffer", () => {
    const sparse = check({ 3: 1, 9: -4 });
    const shifted = new Uint8Array(64);
    shifted.set(encodeSparse(sparse), 3);
    expect(decodeSparse(shifted.subarray(3, 3 + encodeSparse(sparse).length))).toEqual(sparse);
  });

  test("is null for any other bytes, and never more than the bytes can hold", () => {
    const bytes = encodeSparse(check({ 3: 1, 9: -4 }));
    expect(decodeSparse(bytes.subarray(1))).toBeNull();
    for (let length = 1; length < bytes.length; length++) expect(decodeSparse(bytes.subarray(0, length))).toBeNull();
    const changed = (offset: number, value: number, isFloat = false): Uint8Array => {
      const copy = bytes.slice();
      const view = new DataView(copy.buffer);
      if (isFloat) view.setFloat32(offset, value, true);
      else view.setUint32(offset, value, true);
      return copy;
    };
    expect(decodeSparse(changed(0, 0xffff_ffff))).toBeNull();
    expect(decodeSparse(changed(0, 0))).toBeNull();
    expect(decodeSparse(changed(4, 9))).toBeNull();
    expect(decodeSparse(changed(12, 0, true))).toBeNull();
    expect(decodeSparse(changed(12, Number.NaN, true))).toBeNull();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (any) => {
        const read = decodeSparse(any);
        if (read !== null) expect(encodeSparse(read)).toEqual(any);
      }),
    );
  });
});
