import { stemmer as englishStemmer } from "@orama/stemmers/english";
import { stopwords as englishStopWords } from "@orama/stopwords/english";
import { describe, expect, it } from "vitest";
import { type AnalyserOptions, analyserKey, checkAnalyserOptions } from "./analyser-options.js";
import { loadStemmer, loadStopWords } from "./load-language.js";

const refusal = (value: unknown): unknown => {
  try {
    checkAnalyserOptions(value);
  } catch (error) {
    return error;
  }
  return null;
};

describe("analyser options", () => {
  it("are nothing by default", () => {
    const none = { language: null, stopWords: false, foldAccents: false };
    expect(checkAnalyserOptions(undefined)).toEqual(none);
    expect(checkAnalyserOptions({})).toEqual(none);
    expect(checkAnalyserOptions({ language: null, stopWords: [] })).toEqual(none);
    expect(checkAnalyserOptions({ language: undefined, stopWords: undefined })).toEqual(none);
  });

  it("come back from what a manifest holds", () => {
    const given: AnalyserOptions = { language: "french", stopWords: ["le", "la", "le"], foldAccents: true };
    const kept = checkAnalyserOptions(given);
    expect(kept).toEqual({ language: "french", stopWords: ["la", "le"], foldAccents: true });
    expect(checkAnalyserOptions(JSON.parse(JSON.stringify(kept)))).toEqual(kept);
  });

  it.each([
    ["a list", [], "options object"],
    ["a text", "english", "options object"],
    ["null", null, "options object"],
    ["an unknown name", { stopwords: true }, 'no option "stopwords"'],
    ["a language code", { language: "en" }, 'did you mean "english"'],
    ["an unknown language", { language: "klingon" }, "Known: arabic"],
    ["a name of the prototype", { language: "constructor" }, "no stemmer"],
    ["stop words of no language", { stopWords: true }, "no language is set"],
    ["stop words as a text", { stopWords: "the" }, "stopWords must be"],
    ["two words as one", { stopWords: ["the", "of the"] }, "stopWords[1] must be one word"],
    ["no word", { stopWords: ["-"] }, "stopWords[0] must be one word"],
    ["a number", { stopWords: [1] }, "stopWords[0] must be one word, got 1"],
    ["a number for a switch", { foldAccents: 1 }, "foldAccents must be true or false, got 1"],
  ])("refuse %s", (_, value, part) => {
    expect(refusal(value)).toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining(part) });
  });

  it("refuse a list of stop words without end", () => {
    const words = Array.from({ length: 10_001 }, (_, at) => `w${at}`);
    expect(refusal({ stopWords: words })).toMatchObject({ code: "LIMIT_EXCEEDED", details: { got: 10_001 } });
  });

  it("have one key when they mean the same, and another when they do not", () => {
    expect(analyserKey({ stopWords: ["b", "a", "a"] })).toBe(analyserKey({ language: null, stopWords: ["a", "b"] }));
    const different: AnalyserOptions[] = [
      {},
      { language: "english" },
      { language: "english", stopWords: true },
      { stopWords: ["a"] },
      { foldAccents: true },
    ];
    expect(new Set(different.map(analyserKey)).size).toBe(different.length);
  });
});

describe("loading a language", () => {
  it("gives the packages' own stemmer and list", async () => {
    expect(await loadStemmer("english")).toBe(englishStemmer);
    expect(await loadStopWords("english")).toEqual(englishStopWords);
  });

  it("refuses a list that is none", async () => {
    const load = async (): Promise<unknown> => ({ stopwords: ["a", 1] });
    await expect(loadStopWords("english", load)).rejects.toMatchObject({ code: "UNSUPPORTED" });
  });
});
