import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJson } from "./sliced-json.js";

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, "utf8"));
}

/** Makes a text longer than what is parsed at once, without changing its value. */
function grown(text: string): string {
  return text.replace(/[[{,:]/, (found) => found + " ".repeat(140_000));
}

async function outcome(parse: () => unknown): Promise<unknown> {
  try {
    return { value: await parse() };
  } catch {
    return "refused";
  }
}

const word = 'abcdefgh ,:[]{}\\"é'.repeat(200);

describe("a large JSON text", () => {
  it("gives what the platform's parser gives", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 5 }), fc.integer({ min: 0, max: 3 }), async (value, indent) => {
        const large = { value, filler: Array.from({ length: 60 }, (_, at) => [word, at, { word }]), again: [value] };
        const text = JSON.stringify(large, null, indent);
        expect(text.length).toBeGreaterThan(128 * 1024);
        expect(await parseJson(bytesOf(text))).toEqual(JSON.parse(text));
      }),
      { numRuns: 60 },
    );
  });

  it("is refused where the platform's parser refuses it, wherever it was damaged", async () => {
    const value = { a: [1, 2, { b: "x,y" }], c: { d: [[], {}], e: null }, f: "]}" };
    const text = JSON.stringify(value);
    for (let at = 0; at < text.length; at += 1) {
      for (const damage of ["", ",", "]", "}", '"', "[", "1", ":"]) {
        const damaged = grown(text.slice(0, at) + damage + text.slice(at + 1));
        const wanted = await outcome(() => JSON.parse(damaged));
        expect(await outcome(() => parseJson(bytesOf(damaged))), damaged.replaceAll(/ +/g, " ")).toEqual(wanted);
      }
    }
  });

  it.each([
    "[1,]",
    "[,1]",
    "[,]",
    "[1,,2]",
    "[]",
    "{}",
    '{"a":1,}',
    '{,"a":1}',
    "[1 2]",
    "[1],",
    "{1:2}",
    "[[],]",
  ])("is judged as a small one: %s", async (text) => {
    const wanted = await outcome(() => JSON.parse(text));
    expect(await outcome(() => parseJson(bytesOf(grown(text))))).toEqual(wanted);
    expect(await outcome(() => parseJson(bytesOf(text)))).toEqual(wanted);
  });

  it("keeps members that are called like parts of objects, and the last of two with one name", async () => {
    const filler = JSON.stringify("x".repeat(200_000));
    const text = `{"__proto__":{"a":1},"constructor":2,"b":${filler},"b":3,"__proto__":${filler}}`;
    const parsed = (await parseJson(bytesOf(text))) as object;
    expect(Object.keys(parsed)).toEqual(["__proto__", "constructor", "b"]);
    expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
    expect(Object.entries(parsed)[2]).toEqual(["b", 3]);
  });

  it("is refused for nesting before it is parsed", async () => {
    const deep = `[${"[".repeat(150)}${"]".repeat(150)},"${"x".repeat(200_000)}"]`;
    await expect(async () => parseJson(bytesOf(deep))).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    const open = "[".repeat(1_000_000);
    await expect(async () => parseJson(bytesOf(open))).rejects.toMatchObject({ name: "LynseError" });
    const allowed = `[${"[".repeat(100)}${"]".repeat(100)},"${"x".repeat(200_000)}"]`;
    expect(await parseJson(bytesOf(allowed))).toEqual(JSON.parse(allowed));
  });

  it("lets other work run", async () => {
    const text = JSON.stringify(Array.from({ length: 60_000 }, (_, at) => [at / 3, at / 7, at / 11]));
    let turns = 0;
    const count = (): void => {
      turns += 1;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    await parseJson(bytesOf(text));
    clearImmediate(timer);
    expect(turns).toBeGreaterThan(1);
  });
});
