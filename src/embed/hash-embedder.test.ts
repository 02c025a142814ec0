import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EmbedFunction } from "./embedder.js";
import { type HashEmbedderOptions, hashEmbedder } from "./hash-embedder.js";

const embed = hashEmbedder();
const vectorsOf = async (texts: readonly string[], by: EmbedFunction = embed): Promise<Float32Array[]> =>
  (await by(texts)) as Float32Array[];
const similarity = async (a: string, b: string): Promise<number> => {
  const [left, right] = await vectorsOf([a, b]);
  return left!.reduce((sum, value, at) => sum + value * right![at]!, 0);
};

describe("the hash embedder", () => {
  it("says who it is", () => {
    expect([embed.embedderName, embed.dim]).toEqual(["hash/1/256/0", 256]);
    const other = hashEmbedder({ dim: 64, seed: 7 });
    expect([other.embedderName, other.dim]).toEqual(["hash/1/64/7", 64]);
  });

  it("gives the same numbers on every machine", async () => {
    const [vector] = await vectorsOf(["Real-time strategy game"], hashEmbedder({ dim: 8 }));
    expect(Array.from(vector!)).toEqual([
      0.04974775016307831, 0.24318605661392212, -0.07372751832008362, 0.1801319271326065, 0.10190772265195847,
      0.8854545950889587, -0.23439490795135498, 0.22615572810173035,
    ]);
  });

  it("gives finite vectors of length 1 for any text", async () => {
    const texts = fc.oneof(
      fc.array(fc.integer({ min: 0, max: 0x10ffff })).map((codes) => String.fromCodePoint(...codes)),
      fc.constantFrom("", "!!", "a", "東京", "\ud800"),
    );
    await fc.assert(
      fc.asyncProperty(texts, fc.integer({ min: 1, max: 40 }), async (text, dim) => {
        const [vector] = await vectorsOf([text], hashEmbedder({ dim }));
        expect(vector).toHaveLength(dim);
        expect(Math.hypot(...vector!)).toBeCloseTo(1, 5);
      }),
    );
  });

  it("finds texts near that share words, pieces of words or characters", async () => {
    const far = await similarity("chess engine with a strong opening book", "library for parsing XML documents");
    expect(await similarity("library for parsing XML", "parses xml documents: a library")).toBeGreaterThan(far + 0.3);
    expect(await similarity("command line client", "comand-line clients")).toBeGreaterThan(far + 0.3);
    expect(await similarity("東京都の天気", "天気 東京")).toBeGreaterThan(
      (await similarity("東京都の天気", "数学の本")) + 0.3,
    );
    expect(await similarity("Straße im Café", "STRASSE IM CAFE\u0301")).toBeGreaterThan(0.6);
    expect(await similarity("dog bites man", "man bites dog")).toBeLessThan(0.999);
  });

  it("gives a text the same vector whatever came before it, long texts too", async () => {
    const long = Array.from({ length: 30_000 }, (_, at) => `word${at}`).join(" ");
    const [first, , again] = await vectorsOf(["a short text", long, "a short text"]);
    expect(again).toEqual(first);
    const [alone] = await vectorsOf([long], hashEmbedder());
    const [after] = (await vectorsOf(["other words", long])).slice(1);
    expect(after).toEqual(alone);
    const medium = Array.from({ length: 1_500 }, (_, at) => `word${at}`).join(" ");
    const [grown, roomy] = await vectorsOf([medium, medium], hashEmbedder());
    expect(roomy).toEqual(grown);
    expect(await similarity(long, `${long} ${long}`)).toBeGreaterThan(0.99);
  });

  it("gives other vectors for another seed", async () => {
    const [one] = await vectorsOf(["hello world"]);
    const [other] = await vectorsOf(["hello world"], hashEmbedder({ seed: 1 }));
    expect(other).not.toEqual(one);
  });

  it("refuses options that mean nothing", () => {
    const make = (options: object) => () => hashEmbedder(options as HashEmbedderOptions);
    expect(make({ dims: 3 })).toThrow('no option "dims"');
    expect(make({ dim: 0 })).toThrow("dim must be an integer of at least 1, got 0");
    expect(make({ dim: 20_000 })).toThrow("dimMax");
    expect(make({ seed: -1 })).toThrow("seed must be an integer");
  });
});
