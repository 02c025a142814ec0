/**
 * In which order do texts stand, and where does one contain another?
 *
 * By Unicode code point. JavaScript's own `<` compares UTF-16 units and puts U+1F600 before U+FF5E; its `includes` can
 * find half of a surrogate pair. Both are mended here and nowhere else.
 */

const isSurrogate = (unit: number): boolean => (unit & 0xf800) === 0xd800;
const isHigh = (unit: number): boolean => (unit & 0xfc00) === 0xd800;
const isLow = (unit: number): boolean => (unit & 0xfc00) === 0xdc00;

/** Negative, zero or positive as `a` stands before, with or after `b`. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const shorter = Math.min(a.length, b.length);
  let at = 0;
  while (at < shorter && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  if (at === shorter) return a.length - b.length;
  const unitA = a.charCodeAt(at);
  const unitB = b.charCodeAt(at);
  if (!isSurrogate(unitA) && !isSurrogate(unitB)) return unitA - unitB;
  // Where the texts part inside a pair, the pair begins one unit earlier, in both.
  const start = at > 0 && isHigh(a.charCodeAt(at - 1)) && (isLow(unitA) || isLow(unitB)) ? at - 1 : at;
  return (a.codePointAt(start) ?? 0) - (b.codePointAt(start) ?? 0);
}

/** True when `text` has the code points of `part` in a row. */
export function includesText(text: string, part: string): boolean {
  if (!isLow(part.charCodeAt(0)) && !isHigh(part.charCodeAt(part.length - 1))) return text.includes(part);
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + 1)) {
    if (isCharacterBoundary(text, at) && isCharacterBoundary(text, at + part.length)) return true;
  }
  return false;
}

/** Number of code points. */
export function countCharacters(text: string): number {
  let count = text.length;
  for (let at = 1; at < text.length; at += 1) {
    if (isLow(text.charCodeAt(at)) && isHigh(text.charCodeAt(at - 1))) count -= 1;
  }
  return count;
}

/** Number of UTF-16 units of the character at `at`. */
export function characterUnits(text: string, at: number): 1 | 2 {
  return isHigh(text.charCodeAt(at)) && isLow(text.charCodeAt(at + 1)) ? 2 : 1;
}

function isCharacterBoundary(text: string, at: number): boolean {
  return at === 0 || at === text.length || !(isLow(text.charCodeAt(at)) && isHigh(text.charCodeAt(at - 1)));
}
