import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { createAnalyser } from "../analysis/create-analyser.js";
import type { TextAnalyser } from "../analysis/text-analyser.js";
import { type HighlightOptions, highlight } from "./highlight.js";
import { parseTextQuery } from "./parse-text-query.js";

let plain: TextAnalyser;
let english: TextAnalyser;
beforeAll(async () => {
  plain = await createAnalyser({});
  english = await createAnalyser({ language: "english", stopWords: true, foldAccents: true });
});

const marked = (text: string, query: string, options: HighlightOptions = {}, analyser = plain): string[] =>
  highlight(text, parseTextQuery(query, analyser), analyser, { before: "[", after: "]", ...options });

describe("highlights", () => {
  it("mark every matched word and leave the rest as it is", () => {
    expect(marked("The Linux kernel; a linux.", "linux -bsd")).toEqual(["The [Linux] kernel; a [linux]."]);
    expect(marked("nothing here", "linux")).toEqual([]);
    expect(marked("", "linux")).toEqual([]);
    expect(highlight("a b", parseTextQuery("b", plain), plain)).toEqual(["a <mark>b</mark>"]);
  });

  it("mark other forms of a word where stems and accents are folded", () => {
    expect(marked("Cafés, walked & walking", "café walks", {}, english)).toEqual(["[Cafés], [walked] & [walking]"]);
  });

  it("mark words with a searched beginning", () => {
    expect(marked("database data dat", "data*")).toEqual(["[database] [data] dat"]);
  });

  it("mark a phrase as a whole and its words only where they are asked for alone", () => {
    expect(marked("new shoes in New-York", '"new york"')).toEqual(["new shoes in [New-York]"]);
    expect(marked("new shoes in New York", '"new york" new')).toEqual(["[new] shoes in [New York]"]);
    expect(marked("a b c b", '"a b" "b c"')).toEqual(["[a b c] b"]);
    expect(marked("State of the Art", '"state of the art"', {}, english)).toEqual(["[State of the Art]"]);
  });

  it("mark words of scripts without spaces", () => {
    expect(marked("私は東京都に住んでいます", "東京")).toEqual(["私は[東京]都に住んでいます"]);
  });

  it("escape the text and not the marks where asked", () => {
    const options = { before: "<b>", after: "</b>", escapeHtml: true };
    expect(marked('<i>"linux" & o\'s', "linux", options)).toEqual(["&#60;i&#62;&#34;<b>linux</b>&#34; &#38; o&#39;s"]);
  });

  it("choose the fragment that shows most of the query", () => {
    const text = `alpha ${"filler ".repeat(30)}alpha beta here ${"filler ".repeat(30)}beta`;
    const [only, ...others] = marked(text, "alpha beta", { maxLength: 40 });
    expect(others).toEqual([]);
    expect(only).toMatch(/^…(filler )*\[alpha\] \[beta\] here( filler)*…$/);
    const all = marked(text, "alpha beta", { maxLength: 40, maxFragments: 5, ellipsis: "" });
    expect(all).toHaveLength(3);
    expect(all[0]).toMatch(/^\[alpha\]/);
    expect(all[2]).toMatch(/\[beta\]$/);
  });

  it("prefer different words of the query to many of one", () => {
    const text = `alpha alpha alpha alpha ${"filler ".repeat(30)}beta alpha ${"filler ".repeat(30)}`;
    expect(marked(text, "alpha beta", { maxLength: 24, ellipsis: "" })).toEqual([
      expect.stringContaining("[beta] [alpha]"),
    ]);
  });

  it("are pieces of the text with whole words, within the length, with at least one match each", () => {
    const words = fc.constantFrom("a", "bb", "ccc", "dddddddd", "éé", "🙂", "-", ",", "x<y");
    const texts = fc.array(words, { maxLength: 80 }).map((parts) => parts.join(" "));
    const lengths = fc.integer({ min: 8, max: 60 });
    fc.assert(
      fc.property(texts, lengths, fc.integer({ min: 1, max: 4 }), (text, maxLength, maxFragments) => {
        const options = { maxLength, maxFragments, ellipsis: "" };
        const fragments = marked(text, 'bb "ccc a" é*', options);
        const matches = marked(text, 'bb "ccc a" é*');
        expect(fragments.length > 0).toBe(matches.length > 0);
        expect(fragments.length).toBeLessThanOrEqual(maxFragments);
        const longest = Math.max(0, ...(matches[0]?.match(/\[[^\]]+\]/g) ?? []).map((match) => match.length - 2));
        let from = 0;
        for (const fragment of fragments) {
          expect(fragment).toMatch(/\[[^\]]+\]/);
          const bare = fragment.replace(/[[\]]/g, "");
          expect(bare.length).toBeLessThanOrEqual(Math.max(maxLength, longest));
          const at = text.indexOf(bare, from);
          expect(at).toBeGreaterThanOrEqual(from);
          from = at;
        }
      }),
      { numRuns: 500 },
    );
  });

  it("take a text of millions of words without trouble", () => {
    const [only] = marked("a b ".repeat(1_000_000), "b", { maxLength: 20 });
    expect(only).toContain("[b]");
  });

  it("refuse options that mean nothing", () => {
    const refused = (options: object, part: string): void => {
      expect(() => marked("a", "a", options)).toThrow(part);
    };
    refused({ tag: "em" }, 'has no option "tag"');
    refused({ maxLength: 0 }, "integer of at least 1 as maxLength, got 0");
    refused({ maxFragments: 1.5 }, "maxFragments");
    refused({ before: 1 }, "a string as before, got number");
    refused({ escapeHtml: "yes" }, "escapeHtml");
  });
});
