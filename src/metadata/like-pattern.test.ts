/** Do LIKE and ILIKE match what they should, in bounded time? */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { foldCase, LikePattern } from "./like-pattern.js";

const like = (text: string, pattern: string): boolean => new LikePattern(pattern, true).matches(text);
const ilike = (text: string, pattern: string): boolean => new LikePattern(pattern, false).matches(text);

/** The definition, by trying everything: what a pattern's rest matches of a text's rest. */
function matchesByDefinition(text: readonly string[], pattern: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return text.length === 0;
  if (first === "%") return text.concat([""]).some((_, at) => matchesByDefinition(text.slice(at), rest));
  if (text.length === 0) return false;
  if (first === "_") return matchesByDefinition(text.slice(1), rest);
  if (first !== "\\" || rest.length === 0) return text[0] === first && matchesByDefinition(text.slice(1), rest);
  return text[0] === rest[0] && matchesByDefinition(text.slice(1), rest.slice(1));
}

describe("LIKE", () => {
  it("matches by its definition", () => {
    const part = fc.constantFrom("a", "b", "%", "_", "\\", "\u{1f600}", "\ud83d", "\ude00");
    const parts = fc.array(part, { maxLength: 7 }).map((some) => some.join(""));
    fc.assert(
      fc.property(parts, parts, (text, pattern) => {
        expect(like(text, pattern)).toBe(matchesByDefinition([...text], [...pattern]));
      }),
      { numRuns: 20_000 },
    );
  });

  it.each([
    ["", "", true],
    ["", "%", true],
    ["a", "", false],
    ["100%", "100\\%", true],
    ["100x", "100\\%", false],
    ["a_b", "a\\_b", true],
    ["axb", "a\\_b", false],
    ["a\\b", "a\\\\b", true],
    ["a\\", "a\\", true],
    ["\u{1f600}", "_", true],
    ["\u{1f600}", "__", false],
    ["abc", "%b%", true],
    ["abc", "abc%", true],
    ["abc", "%abc", true],
    ["line\nbreak", "line_break", true],
    ["\u{1f600}", "\ud83d\\\ude00", false],
  ])("%j LIKE %j is %s", (text, pattern, expected) => {
    expect(like(text, pattern)).toBe(expected);
  });

  it("takes long literals and long texts", () => {
    const long = "x".repeat(100_000);
    expect(like(`${long}y`, `${long}%`)).toBe(true);
    expect(like(long, `${long}_`)).toBe(false);
  });

  it("takes time in text times pattern at most, whatever the pattern", () => {
    const startedAt = performance.now();
    expect(like("a".repeat(20_000), `${"%a".repeat(500)}%b`)).toBe(false);
    expect(like("a".repeat(20_000), `${"%a_".repeat(300)}%b%`)).toBe(false);
    expect(like("ab".repeat(10_000), `${"%_".repeat(2_000)}%c`)).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });
});

describe("ILIKE", () => {
  it.each([
    ["HELLO", "hello", true],
    ["Straße", "STRAßE", true],
    ["Éa", "éA", true],
    ["ΣΑΣ", "%ας", true],
    ["σ", "ς", true],
    ["İ", "_", true],
    ["K", "k", true],
    ["ab", "A\\B", true],
  ])("%j ILIKE %j is %s", (text, pattern, expected) => {
    expect(ilike(text, pattern)).toBe(expected);
  });

  const characters = fc.string({
    unit: fc.constantFrom(..."aZéÉßİıσΣςﬁǅK", "\u{1f600}", "\u{10400}", "\ud83d"),
    maxLength: 6,
  });

  it("folds characters one to one, whatever stands around them", () => {
    fc.assert(
      fc.property(characters, characters, (a, b) => {
        expect([...foldCase(a)].length).toBe([...a].length);
        if (!/^[\udc00-\udfff]/.test(b)) expect(foldCase(a + b)).toBe(foldCase(a) + foldCase(b));
      }),
    );
  });
});
