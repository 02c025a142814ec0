import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FloatList, noList, noRoom } from "./float-list.js";

const list = new FloatList();
const encoder = new TextEncoder();

function read(text: string, room = 100): { count: number; end: number; numbers: Float32Array } {
  const bytes = encoder.encode(text);
  const numbers = new Float32Array(room);
  const count = list.read(bytes, 0, bytes.length, numbers, 0);
  return { count, end: list.end, numbers: numbers.subarray(0, Math.max(0, count)) };
}

/** What `JSON.parse` makes of the text, as float32; null where it is no list of finite ones. */
function expected(text: string): Float32Array | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Array.isArray(value) || !value.every((each) => typeof each === "number")) return null;
  const numbers = Float32Array.from(value as number[]);
  return numbers.every(Number.isFinite) ? numbers : null;
}

/** Bit for bit: a negative zero is another number than zero. Of odd digits the list may be left to `JSON.parse`. */
function same(text: string, isOdd = false): void {
  const wanted = expected(text);
  const { count, numbers } = read(text);
  if (wanted === null || (isOdd && count === noList)) expect(count, text).toBe(noList);
  else {
    expect(count, text).toBe(wanted.length);
    expect(new Uint32Array(numbers.slice().buffer), text).toEqual(new Uint32Array(wanted.buffer));
  }
}

const float32 = fc.float({ noNaN: true });
const double = fc.double({ noNaN: true });
const digits = (max: number): fc.Arbitrary<string> => fc.stringMatching(new RegExp(`^[0-9]{1,${max}}$`));
const decimal = fc
  .tuple(fc.constantFrom("", "-"), digits(22), fc.option(digits(30)), fc.option(fc.integer({ min: -60, max: 60 })))
  .map(([sign, whole, fraction, power]) => {
    const digitsOfWhole = whole.replace(/^0+(?=\d)/, "");
    return `${sign}${digitsOfWhole}${fraction === null ? "" : `.${fraction}`}${power === null ? "" : `e${power}`}`;
  });
/** Where two float32 numbers meet, and a little beside it: what a rounding too many gets wrong. */
const halfway = fc
  .tuple(fc.integer({ min: 1, max: 0x7f7ffffe }), fc.integer({ min: -3, max: 3 }), fc.integer({ min: 15, max: 19 }))
  .map(([bits, steps, precision]) => {
    const words = new Uint32Array([bits, bits + 1]);
    const [low, high] = new Float32Array(words.buffer) as unknown as [number, number];
    const middle = (low + high) / 2;
    return (middle * (1 + steps * 2 ** -52)).toPrecision(precision);
  });

/** Vectors of embedders: most are of this kind, and none of it may be left to `JSON.parse`. */
const component = fc.double({ noNaN: true, min: -1e8, max: 1e8 });

describe("the same float32 numbers as JSON.parse gives, bit for bit", () => {
  test.each<[string, fc.Arbitrary<string>, boolean]>([
    ["float32 as short as can be", component.map((value) => String(Math.fround(value))), false],
    ["doubles as short as can be", component.map(String), false],
    ["few digits", fc.integer({ min: -99999, max: 99999 }).map((value) => String(value / 10000)), false],
    ["any float32", float32.map(String), true],
    ["any double", double.map((value) => value.toExponential()), true],
    ["decimals of any length", decimal, true],
    ["numbers next to where two float32 meet", halfway, true],
  ])("%s", (_, text, isOdd) => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 20 }), (texts) => same(`[${texts.join(",")}]`, isOdd)),
      { numRuns: 1000 },
    );
  });

  test.each([
    ...["[]", "[ ]", "[0]", "[-0]", "[-0.0e5]", "[1e38]", "[3.4028235e38]", "[3.4028236e38]", "[1e-45]", "[7e-46]"],
    ...["[1E+2,1e-2]", "[ 1 ,\t2 ]", "[0.1,0.30000000000000004]", "[16777217]", "[16777217.000000001]", "[1e400]"],
    ...["[1e0000000000000000000001]", "[1e-99999999999]", "[0e99999999999]", "[0.5000000298023224]"],
    ...["[1.00000005960464477]", "[1.00000005960464478]", `[0.${"0".repeat(30)}1]`],
  ])("%s", (text) => same(text));

  test.each([
    "[9007199254740993]",
    `[${"9".repeat(30)}]`,
    `[0.${"1".repeat(2000)}]`,
    `[0.${"0".repeat(1e6)}1]`,
  ])("left to JSON.parse, for its digits", (text) => expect(read(text).count).toBe(noList));
});

describe("left to JSON.parse", () => {
  test.each([
    ...[
      "",
      "[",
      "[1",
      "[1,",
      "[1,]",
      "[,1]",
      "[01]",
      "[+1]",
      "[.5]",
      "[1.]",
      "[1.e2]",
      "[1e]",
      "[1e+]",
      "[-]",
      "[--1]",
    ],
    ...["[1 2]", "[NaN]", "[Infinity]", "[null]", '["1"]', "[[1]]", "[true]", "{}", "1", "[0x10]", "[1_0]", "[1e5.5]"],
    ...["[1\u00a0]", "[1;2]", "[1/2]", "[1:2]", "[\u0000]", "[1\u000b]"],
  ])("%s", (text) => {
    expect(expected(text)).toBeNull();
    expect(read(text).count).toBe(noList);
  });

  test("any characters that lists are made of", () => {
    const text = fc.string({ unit: fc.constantFrom(..."[0123456789.,-+eE ntu"), maxLength: 30 });
    fc.assert(
      fc.property(text, (inner) => same(`[${inner}]`, true)),
      { numRuns: 5000 },
    );
  });
});

test("a list ends where its bracket is, whatever stands behind it", () => {
  const { count, end } = read("[1,2],[3]");
  expect([count, end]).toEqual([2, 5]);
});

test("a list that is longer than there is room for is told, not cut", () => {
  expect(read("[1,2,3]", 2).count).toBe(noRoom);
  expect(read("[1,2]", 2).count).toBe(2);
  expect(read("[]", 0).count).toBe(0);
});

test("nothing is read behind `to`", () => {
  const bytes = encoder.encode("[1,23]");
  expect(list.read(bytes, 0, 5, new Float32Array(9), 0)).toBe(noList);
  expect(list.read(bytes, 0, 0, new Float32Array(9), 0)).toBe(noList);
});
