import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../../limits.js";
import { VectorLifter } from "./lift-vectors.js";

/** Each line as it is left, with its vector. */
function lift(text: string, column = "v"): [string, number[] | null][] {
  const { bytes, vectors } = new VectorLifter(column).lift(new TextEncoder().encode(text));
  const lines = new TextDecoder().decode(bytes).split("\n");
  return vectors.map((vector, at) => [lines[at] ?? "", vector === null ? null : Array.from(vector)]);
}

describe("vectors are taken out of lines", () => {
  test("at the first level, wherever they stand", () => {
    expect(lift('{"v":[1,2],"a":"x"}\n{"a":[1], "v" : [ 3 ] }\r\n\n{"v":[]}')).toEqual([
      ['{"v":[],"a":"x"}', [1, 2]],
      ['{"a":[1], "v" : [] }\r', [3]],
      ["", null],
      ['{"v":[]}', []],
    ]);
  });

  test.each([
    ["in another object", '{"a":{"v":[1]}}'],
    ["in a list", '[{"v":[1]}]'],
    ["in a text", '{"a":"\\"v\\":[1]"}'],
    ["as a text", '{"a":"v","b":[1]}'],
    ["a key twice: the last one counts", '{"v":[1],"v":[2]}'],
    ["a key that may be the same in other words", '{"v":[1],"\\u0076":[2]}'],
    ["numbers that are none", '{"v":[1,null]}'],
    ["lists in it", '{"v":[[1],[2]]}'],
    ["a number beyond float32", '{"v":[1e39]}'],
    ["a line that ends in it", '{"v":[1,2'],
    ["no list", '{"v":"[1]"}'],
  ])("a line stays whole: %s", (_, line) => {
    expect(lift(line)).toEqual([[line, null]]);
  });

  test("under a key that needs escapes", () => {
    expect(lift('{"a\\"b":[1]}', 'a"b')).toEqual([]);
  });

  test("longer than any that a collection takes", () => {
    const line = (length: number): string => `{"v":[${Array.from({ length }, () => 1).join(",")}]}`;
    expect(lift(line(limits.dimMax))[0]?.[1]?.length).toBe(limits.dimMax);
    const rest = lift(`${`${line(limits.dimMax)}\n`.repeat(40)}{"v":[7]}`);
    expect(rest.length).toBe(41);
    expect(rest.every(([left]) => left === '{"v":[]}')).toBe(true);
    expect(rest.at(-1)?.[1]).toEqual([7]);
  });
});

test("what is left and the vectors say together what the lines say, right or wrong", () => {
  const tokens = [
    '"v"',
    '"a"',
    ":",
    ",",
    "{",
    "}",
    "[",
    "]",
    "1",
    "-2.5e3",
    " ",
    '"\\u0076"',
    "null",
    '{"v":[1,2]',
    "\n",
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...tokens), { maxLength: 24 }), (parts) => {
      const text = parts.join("");
      const lifted = lift(text);
      const lines = text.split("\n");
      for (const [at, [left, vector]] of lifted.entries()) {
        const whole = parse(lines[at] ?? "");
        const rest = parse(left);
        if (vector !== null && rest !== undefined) (rest as Record<string, unknown>)["v"] = vector;
        expect(rest, text).toEqual(whole);
      }
    }),
    { numRuns: 3000 },
  );
});

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
