import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { createAnalyser } from "../analysis/create-analyser.js";
import type { TextAnalyser } from "../analysis/text-analyser.js";
import { parseTextQuery, type TextQueryOptions } from "./parse-text-query.js";
import type { TextQuery } from "./text-query.js";

let plain: TextAnalyser;
let english: TextAnalyser;
beforeAll(async () => {
  plain = await createAnalyser({});
  english = await createAnalyser({ language: "english", stopWords: true });
});

const parse = (text: string, options: TextQueryOptions = {}): TextQuery => parseTextQuery(text, plain, options);
const word = (term: string, weight = 1) => ({ terms: [term], weight });
const refusal = (text: string, analyser: TextAnalyser = plain): unknown => {
  try {
    parseTextQuery(text, analyser);
  } catch (error) {
    return error;
  }
  return null;
};

describe("a text query", () => {
  it("scores each distinct word, as often as it is named", () => {
    const query = parse("Linux kernel, LINUX!");
    expect(query.groups).toEqual([word("linux", 2), word("kernel")]);
    expect(query).toMatchObject({ required: [], excluded: [], phrases: [], excludedPhrases: [] });
    expect(query.words).toEqual([["linux"], ["kernel"]]);
  });

  it("requires every word with the operator and", () => {
    expect(parse("a b* c -d", { operator: "and" })).toMatchObject({
      required: [["a"], { prefix: "b" }, ["c"]],
      excluded: [["d"]],
    });
    expect(() => parse("a", { operator: "xor" as "or" })).toThrow(/operator must be "or" or "and"/);
  });

  it("requires a phrase's words, scores them, and keeps their order", () => {
    const query = parse('big "new york" apple');
    expect(query.groups).toEqual([word("big"), word("new"), word("york"), word("apple")]);
    expect(query.required).toEqual([["new"], ["york"]]);
    expect(query.phrases).toEqual([["new", "york"]]);
    expect(query.words).toEqual([["big"], ["apple"]]);
  });

  it("counts a word that stands alone and in a phrase twice", () => {
    const query = parse('york "new york"');
    expect(query.groups).toEqual([word("york", 2), word("new")]);
    expect(query.words).toEqual([["york"]]);
  });

  it("takes a phrase of one word as a required word", () => {
    expect(parse('"linux" kernel')).toMatchObject({ required: [["linux"]], phrases: [] });
  });

  it("lets a stop word in a phrase stand for any word, and drops those at its ends", () => {
    const query = parseTextQuery('"the state of the art of"', english, {});
    expect(query.phrases).toEqual([["state", null, null, "art"]]);
    expect(query.groups).toEqual([word("state"), word("art")]);
    expect(parseTextQuery('"the of" linux', english).phrases).toEqual([]);
  });

  it("excludes words, beginnings and phrases, and several words in one as a phrase", () => {
    const query = parse('a -b -c* -"d e" -f-g -"h"');
    expect(query.groups).toEqual([word("a")]);
    expect(query.excluded).toEqual([["b"], { prefix: "c" }, ["h"]]);
    expect(query.excludedPhrases).toEqual([
      ["d", "e"],
      ["f", "g"],
    ]);
  });

  it("takes a minus for one only before a word", () => {
    expect(parse("a - b")).toMatchObject({ groups: [word("a"), word("b")], excluded: [] });
    expect(parse("e-mail")).toMatchObject({ groups: [word("e"), word("mail")], excluded: [] });
    expect(parse("a --b").excluded).toEqual([["b"]]);
    expect(parse("a -(b)").excluded).toEqual([["b"]]);
  });

  it("finds beginnings of words before the stemmer", () => {
    expect(parseTextQuery("Ponies* walking", english).groups).toEqual([
      { terms: { prefix: "ponies" }, weight: 1 },
      word("walk"),
    ]);
    expect(parseTextQuery("the*", english).groups).toEqual([{ terms: { prefix: "the" }, weight: 1 }]);
    expect(parse("a* A* a").groups).toEqual([{ terms: { prefix: "a" }, weight: 2 }, word("a")]);
    expect(parse("foo-ba*").groups).toEqual([word("foo"), { terms: { prefix: "ba" }, weight: 1 }]);
    expect(parse("a * b").groups).toEqual([word("a"), word("b")]);
  });

  it("takes a quote without its partner for a space", () => {
    expect(parse('5" disk').groups).toEqual([word("5"), word("disk")]);
    expect(parse('a "b c')).toMatchObject({ groups: [word("a"), word("b"), word("c")], phrases: [] });
    expect(parse('a -"b')).toMatchObject({ groups: [word("a")], excluded: [["b"]] });
    expect(parse('"" a')).toMatchObject({ groups: [word("a")], phrases: [] });
  });

  it("knows the quotes that keyboards make of quotes", () => {
    expect(parse("“new york” „a b“ ＂c d＂").phrases).toEqual([
      ["new", "york"],
      ["a", "b"],
      ["c", "d"],
    ]);
  });

  it("cuts scripts without spaces as the texts are cut", () => {
    expect(parse("東京 検索").groups).toEqual([word("東京"), word("検索")]);
  });

  it("says what is missing when there is nothing to look for", () => {
    const refused = (message: string) => ({ code: "INVALID_ARGUMENT", message: expect.stringContaining(message) });
    expect(refusal("")).toMatchObject(refused('the text query "" has no word'));
    expect(refusal('?! "" - *')).toMatchObject(refused("at least one letter or digit"));
    expect(refusal("-a -b")).toMatchObject(refused("only says what a row may not have"));
    expect(refusal("the of THE", english)).toMatchObject(refused('"the", "of", "THE" are stop words'));
    expect(refusal("the -linux", english)).toMatchObject(refused('"the" are stop words'));
  });

  it("is bounded in words and characters", () => {
    const words = (count: number): string => Array.from({ length: count }, (_, at) => `w${at}`).join(" ");
    expect(parse(words(1_024)).groups).toHaveLength(1_024);
    expect(parse("a ".repeat(20_000)).groups).toEqual([word("a", 20_000)]);
    expect(refusal(words(1_025))).toMatchObject({ code: "LIMIT_EXCEEDED", details: { limit: "queryTermsMax" } });
    expect(refusal(`a -"${words(1_024)}"`)).toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(refusal("x".repeat(65_537))).toMatchObject({ code: "LIMIT_EXCEEDED", details: { got: 65_537 } });
  });

  it("never fails otherwise, and its scored words add up to those of the text", () => {
    const parts = fc.constantFrom("a", "b", "-", '"', "*", " ", "é", "東京", "\u0301", "“", "\ud800", "_", "\n");
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 40 }), (chosen) => {
        const text = chosen.join("");
        let query: TextQuery;
        try {
          query = parse(text);
        } catch (error) {
          expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
          return;
        }
        let tokens = 0;
        plain.segments(text, () => {
          tokens += 1;
        });
        const scored = query.groups.reduce((sum, { weight }) => sum + weight, 0);
        const isSplitAlike = !text.includes('"') && !text.includes("“");
        if (!text.includes("-") && isSplitAlike) expect(scored).toBe(tokens);
        expect(scored).toBeLessThanOrEqual(text.length);
        expect(query.phrases.every((phrase) => phrase.length > 1)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
