import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chosenEncoding, jsonText } from "./answer-encoding.js";

describe("the JSON of an answer", () => {
  it("is the platform's, however long its lists are", async () => {
    const short = fc.jsonValue({ maxDepth: 3 });
    const long = fc.tuple(short, fc.integer({ min: 0, max: 6000 })).map(([value, count]) => Array(count).fill(value));
    const answer = fc.oneof(short, long, fc.dictionary(fc.string(), fc.oneof(short, long)), fc.tuple(long, long, long));
    await fc.assert(
      fc.asyncProperty(answer, async (result) => {
        const whole = { status: "success", params: { items: { ids: [1], none: undefined }, result } };
        expect(await jsonText(whole)).toBe(JSON.stringify(whole));
      }),
      { numRuns: 60 },
    );
  });

  it("has null for numbers that are not finite and for holes", async () => {
    const list = Array.from({ length: 3000 }, (_, at) => (at % 3 === 0 ? Number.NaN : at % 3 === 1 ? undefined : at));
    expect(await jsonText({ list })).toBe(JSON.stringify({ list }));
    expect(await jsonText({ list: [Number.POSITIVE_INFINITY] })).toBe('{"list":[null]}');
  });
});

describe("the encoding of an answer", () => {
  it.each([
    [undefined, null],
    ["", null],
    ["identity", null],
    ["gzip", "gzip"],
    ["br, gzip", "gzip"],
    ["br", "br"],
    ["*", "gzip"],
    ["gzip;q=0", null],
    ["gzip;q=0, *;q=1", null],
    ["GZIP;Q=0.5", "gzip"],
    ["gzip;q=x", null],
  ])("for %j is %j", (accepted, encoding) => {
    expect(chosenEncoding(accepted)).toBe(encoding);
  });
});
