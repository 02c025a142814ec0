import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { type AnalyserOptions, analyserLanguages } from "./analyser-options.js";
import { createAnalyser } from "./create-analyser.js";
import type { TextAnalyser } from "./text-analyser.js";

const tokensOf = (analyser: TextAnalyser, text: string): string[] => {
  const tokens: string[] = [];
  analyser.segments(text, (start, end) => tokens.push(text.slice(start, end)));
  return tokens;
};
const termsOf = (analyser: TextAnalyser, text: string): (string | null)[] =>
  tokensOf(analyser, text).map((token) => analyser.termOf(token));

const anyText = fc.array(fc.integer({ min: 0, max: 0x10ffff })).map((codes) => String.fromCodePoint(...codes));

let plain: TextAnalyser;
let folding: TextAnalyser;
beforeAll(async () => {
  plain = await createAnalyser({});
  folding = await createAnalyser({ foldAccents: true });
});

describe("splitting", () => {
  it("cuts ASCII text into maximal runs of letters and digits", () => {
    expect(tokensOf(plain, "Don't panic: it's v2.0_beta-3!")).toEqual([..."Don t panic it s v2 0 beta 3".split(" ")]);
    const ascii = fc.string({ unit: fc.integer({ min: 0, max: 127 }).map((code) => String.fromCharCode(code)) });
    fc.assert(
      fc.property(ascii, (text) => {
        expect(tokensOf(plain, text)).toEqual(text.match(/[A-Za-z0-9]+/g) ?? []);
      }),
    );
  });

  it("cuts spaced scripts as the Unicode classes say, wherever ASCII ends and begins", () => {
    const units = [
      "a",
      "B",
      "7",
      " ",
      "-",
      "é",
      "e\u0301",
      "ß",
      "Ж",
      "ω",
      "א",
      "ب",
      "ि",
      "क",
      "한",
      "𝔘",
      "½",
      "…",
      "🙂",
      "\u00ad",
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...units)), (parts) => {
        const text = parts.join("");
        const words = text.match(/[\p{L}\p{N}][\p{L}\p{N}\p{M}\p{Default_Ignorable_Code_Point}]*/gu) ?? [];
        expect(tokensOf(plain, text)).toEqual(words);
      }),
    );
  });

  it("visits ordered, separate, non-empty tokens of any string, unpaired surrogates included", () => {
    const any = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) });
    fc.assert(
      fc.property(fc.oneof(any, anyText), (text) => {
        let before = 0;
        plain.segments(text, (start, end) => {
          expect(start).toBeGreaterThanOrEqual(before);
          expect(end).toBeGreaterThan(start);
          expect(end).toBeLessThanOrEqual(text.length);
          expect(text.slice(start, end)).toMatch(/[\p{L}\p{N}]/u);
          before = end;
        });
      }),
    );
    expect(tokensOf(plain, "a\ud800b \udc00")).toEqual(["a", "b"]);
  });

  it("cuts scripts without spaces by the dictionary and apart from other scripts", () => {
    expect(tokensOf(plain, "東京都に住んでいます")).toContain("東京");
    expect(tokensOf(plain, "Node.jsで全文検索3件")).toEqual(expect.arrayContaining(["Node", "js", "検索", "3"]));
    expect(tokensOf(plain, "สวัสดีชาวโลก").length).toBeGreaterThan(1);
    expect(tokensOf(plain, "สวัสดีชาวโลก").join("")).toBe("สวัสดีชาวโลก");
    expect(tokensOf(plain, "我爱自然语言处理。你呢？").join("")).toBe("我爱自然语言处理你呢");
  });

  it("keeps every character of a long run without spaces and stays fast", () => {
    const text = "検索結果を表示する".repeat(20_000);
    const startedAt = performance.now();
    expect(tokensOf(plain, text).join("")).toBe(text);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it("gives one token for a long run with spaces around it", () => {
    expect(tokensOf(plain, `x ${"é".repeat(100_000)} y`).map((token) => token.length)).toEqual([1, 100_000, 1]);
  });
});

describe("folding", () => {
  it.each([
    ["Straße", "STRASSE"],
    ["İstanbul", "istanbul"],
    ["ΟΔΟΣ", "οδος"],
    ["ΟΔΟΣ", "οδοσ"],
    ["Cafe\u0301", "café"],
    ["ＡＢＣ１", "abc1"],
    ["ﬁle", "FILE"],
    ["ｶﾞ", "ガ"],
    ["co\u00adoperate", "cooperate"],
    ["ПРИВЕТ", "привет"],
  ])("%s and %s are one word", (a, b) => {
    expect(plain.termOf(a)).toBe(plain.termOf(b));
  });

  it.each([
    ["café", "cafe"],
    ["Łódź", "lodz"],
    ["smørrebrød", "smorrebrod"],
    ["Đặng", "dang"],
    ["ÆGIR", "aegir"],
    ["naïve", "naive"],
    ["Ισπανία", "ισπανια"],
    ["مُحَمَّد", "محمد"],
    ["Çağrı", "cagri"],
  ])("%s is %s without accents, and another word with them", (word, bare) => {
    expect(folding.termOf(word)).toBe(bare);
    expect(plain.termOf(word)).not.toBe(bare);
  });

  it("leaves marks that are letters of their own: kana, Devanagari, Hangul", () => {
    expect(folding.termOf("が")).not.toBe(folding.termOf("か"));
    expect(folding.termOf("किताब")).toBe("किताब");
    expect(folding.termOf("한국어")).toBe("한국어");
  });

  it("is the same when it is done twice", () => {
    fc.assert(
      fc.property(anyText, fc.boolean(), (text, foldAccents) => {
        const analyser = foldAccents ? folding : plain;
        for (const token of tokensOf(analyser, text)) {
          const once = analyser.prefixOf(token);
          expect(analyser.prefixOf(once)).toBe(once);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("is the same for composed and decomposed letters, and done twice, whatever the letter", () => {
    for (let code = 0x41; code < 0x3000; code += 1) {
      const word = `x${String.fromCharCode(code)}y`;
      if (!/[\p{L}\p{N}]{3}/u.test(word)) continue;
      for (const analyser of [plain, folding]) {
        const folded = analyser.prefixOf(word);
        if (analyser.prefixOf(word.normalize("NFD")) !== folded) expect.fail(`decomposed ${word} is not ${folded}`);
        if (analyser.prefixOf(folded) !== folded) expect.fail(`${word} is not done after ${folded}`);
      }
    }
  });

  it("keeps the Turkish i's apart where Turkish is the language", async () => {
    const turkish = await createAnalyser({ language: "turkish" });
    expect(turkish.prefixOf("ISPARTA")).toBe("ısparta");
    expect(turkish.prefixOf("İZMİR")).toBe("izmir");
    expect(plain.prefixOf("ISPARTA")).toBe("isparta");
    const bare = await createAnalyser({ language: "turkish", foldAccents: true });
    expect(bare.prefixOf("ISPARTA")).toBe(bare.prefixOf("ısparta"));
  });
});

describe("stop words and stems", () => {
  it("reduces words to stems in the language", async () => {
    const english = await createAnalyser({ language: "english" });
    expect(termsOf(english, "Walking, walked, WALKS")).toEqual(["walk", "walk", "walk"]);
    const german = await createAnalyser({ language: "german" });
    expect(german.termOf("Häuser")).toBe(german.termOf("Haus"));
    expect(english.termOf("the")).toBe("the");
  });

  it("drops the language's stop words, and the tails of its contractions alone", async () => {
    const english = await createAnalyser({ language: "english", stopWords: true });
    expect(termsOf(english, "The dog doesn't run")).toEqual([null, "dog", "doesn", null, "run"]);
    expect(english.termOf("won")).toBe("won");
  });

  it("drops listed words whatever their spelling, and needs no package for that", async () => {
    const refuse = (): Promise<never> => Promise.reject(new Error("asked for a package"));
    const own = await createAnalyser({ stopWords: ["Über", "LINUX"], foldAccents: true }, refuse);
    expect(termsOf(own, "uber linux Linux über kernel")).toEqual([null, null, null, null, "kernel"]);
  });

  it("leaves words alone that are longer than any word", async () => {
    const english = await createAnalyser({ language: "english" });
    const long = `${"ab".repeat(40)}ing`;
    expect(english.termOf(long)).toBe(long);
    expect(english.termOf("e".repeat(1_000_000))).toHaveLength(1_000_000);
  });

  it.each(analyserLanguages)("has a stemmer that takes any word: %s", async (language) => {
    const analyser = await createAnalyser({ language, stopWords: true });
    expect(termsOf(analyser, "a é ж ώ بيت कमल 12 x1")).toHaveLength(8);
    for (const term of termsOf(analyser, "Information информация معلومات πληροφορίες bilgilendirme")) {
      expect(term === null || term.length > 0).toBe(true);
    }
  });

  it("says what to install when a package is missing or another", async () => {
    const missing = createAnalyser({ language: "english" }, () => Promise.reject(new Error("no such module")));
    await expect(missing).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringContaining("npm install @orama/stemmers"),
    });
    const other = createAnalyser({ language: "english" }, async () => ({ stem: 1 }));
    await expect(other).rejects.toMatchObject({ code: "UNSUPPORTED" });
  });

  it("refuses options before it loads anything", async () => {
    const options = { language: "klingon" } as unknown as AnalyserOptions;
    await expect(createAnalyser(options)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});
