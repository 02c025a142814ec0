import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { JsonValue } from "../../types.js";
import { createAnalyser } from "../analysis/create-analyser.js";
import type { TextAnalyser } from "../analysis/text-analyser.js";
import { parseTextQuery } from "./parse-text-query.js";
import { PhraseFilter } from "./phrase-filter.js";
import { phraseMatches } from "./phrase-matcher.js";
import type { TextPhrase } from "./text-query.js";

let plain: TextAnalyser;
let english: TextAnalyser;
beforeAll(async () => {
  plain = await createAnalyser({});
  english = await createAnalyser({ language: "english", stopWords: true });
});

describe("a phrase", () => {
  it("matches where its words stand as a naive comparison at every place says", () => {
    const terms = fc.constantFrom("a", "b", "c");
    const phrases = fc.array(fc.oneof(terms, fc.constant(null)), { minLength: 1, maxLength: 70, size: "max" });
    const ownText = fc.array(terms, { maxLength: 90 });
    const check = (text: readonly string[], phrase: TextPhrase): boolean =>
      text.some((_, from) =>
        phrase.every((term, at) => from + at < text.length && (term === null || text[from + at] === term)),
      );
    fc.assert(
      fc.property(phrases, ownText, fc.boolean(), (phrase, text, isPlanted) => {
        const planted = isPlanted ? [...text, ...phrase.map((term) => term ?? "c"), ...text] : text;
        expect(phraseMatches([planted.join(" ")], phrase, plain)).toBe(check(planted, phrase));
      }),
      { numRuns: 500 },
    );
  });

  it("is found within one string alone, at any of them", () => {
    expect(phraseMatches(["new", "york"], ["new", "york"], plain)).toBe(false);
    expect(phraseMatches(["old york", "in New-York!"], ["new", "york"], plain)).toBe(true);
    expect(phraseMatches([], ["new"], plain)).toBe(false);
  });

  it("has a place for stop words that any word fills", () => {
    const { phrases } = parseTextQuery('"state of the art"', english);
    const phrase = phrases[0]!;
    expect(phraseMatches(["The states of an arts"], phrase, english)).toBe(true);
    expect(phraseMatches(["state art"], phrase, english)).toBe(false);
    expect(phraseMatches(["state of art"], phrase, english)).toBe(false);
  });

  it("takes time in proportion to the text, whatever repeats", () => {
    const phrase = [..."a".repeat(500), "b"];
    expect(phraseMatches(["a ".repeat(200_000)], phrase, plain)).toBe(false);
  });
});

describe("the filter of a query's phrases", () => {
  const rows: JsonValue[] = [
    { title: "New York Times", tags: ["news"] },
    { title: "Times of New York", body: { text: "old new york" } },
    { title: "new", tags: ["york", "new york"] },
    { title: "York, New" },
    {},
  ];
  const accepted = (text: string, fields: string[] | null): number[] => {
    const filter = new PhraseFilter(parseTextQuery(text, plain), fields, plain);
    expect(filter.isNeeded).toBe(true);
    return rows.flatMap((row, at) => (filter.accepts(row) ? [at] : []));
  };

  it("accepts rows with all phrases and without the excluded ones, in the fields that are searched", () => {
    expect(accepted('"new york"', null)).toEqual([0, 1, 2]);
    expect(accepted('"new york"', ["title"])).toEqual([0, 1]);
    expect(accepted('"new york"', ["body", "tags"])).toEqual([1, 2]);
    expect(accepted('"new york" "york times"', null)).toEqual([0]);
    expect(accepted('new -"new york"', null)).toEqual([3, 4]);
    expect(accepted('"new york" -"of new"', null)).toEqual([0, 2]);
  });

  it("is not needed without phrases", () => {
    expect(new PhraseFilter(parseTextQuery("new -york", plain), null, plain).isNeeded).toBe(false);
  });
});
