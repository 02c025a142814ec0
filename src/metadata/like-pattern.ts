/**
 * Does a text match a LIKE pattern?
 *
 * `%` is any run of characters, `_` one character (a code point), backslash takes the next character literally; a
 * backslash at the very end is itself. ILIKE compares characters under simple case folding. The matcher is the greedy
 * one with a single point of return, O(text × pattern) at worst, and never a regular expression made of user text.
 * Patterns whose only wildcards are leading and trailing `%` use the engine's own string search.
 */
import { characterUnits } from "./text-order.js";

const anyRun = -1;
const anyOne = -2;

/** Longer literals are matched character by character. */
const literalLengthMax = 1000;

export class LikePattern {
  readonly #isCaseSensitive: boolean;
  /** Code points, `anyRun` and `anyOne`; runs are merged. */
  readonly #items: readonly number[];
  /** The literal between optional leading and trailing `%`, or null when the pattern is more than that. */
  readonly #literal: string | null;
  readonly #isOpenAtStart: boolean;
  readonly #isOpenAtEnd: boolean;

  constructor(pattern: string, isCaseSensitive: boolean) {
    this.#isCaseSensitive = isCaseSensitive;
    this.#items = parse(isCaseSensitive ? pattern : foldCase(pattern));
    this.#isOpenAtStart = this.#items[0] === anyRun;
    this.#isOpenAtEnd = this.#items.at(-1) === anyRun;
    const inner = this.#items.slice(this.#isOpenAtStart ? 1 : 0, this.#isOpenAtEnd ? -1 : undefined);
    const isLiteral = inner.length <= literalLengthMax && inner.every(isWholeCharacter);
    this.#literal = isLiteral ? String.fromCodePoint(...inner) : null;
  }

  matches(text: string): boolean {
    const folded = this.#isCaseSensitive ? text : foldCase(text);
    const literal = this.#literal;
    if (literal === null) return this.#matchItems(folded);
    if (this.#isOpenAtStart) return this.#isOpenAtEnd ? folded.includes(literal) : folded.endsWith(literal);
    return this.#isOpenAtEnd ? folded.startsWith(literal) : folded === literal;
  }

  #matchItems(text: string): boolean {
    const items = this.#items;
    let at = 0;
    let item = 0;
    let retryItem = -1;
    let retryAt = 0;
    while (at < text.length) {
      const wanted = items[item];
      if (wanted === anyRun) {
        retryItem = item;
        retryAt = at;
        item += 1;
      } else if (wanted !== undefined && (wanted === anyOne || wanted === text.codePointAt(at))) {
        at += characterUnits(text, at);
        item += 1;
      } else if (retryItem !== -1) {
        // The last run takes one character more; earlier runs never need to be tried again.
        retryAt += characterUnits(text, retryAt);
        at = retryAt;
        item = retryItem + 1;
      } else {
        return false;
      }
    }
    while (items[item] === anyRun) item += 1;
    return item === items.length;
  }
}

/**
 * A text under simple case folding: each character becomes the lower case of its upper case, where those are single.
 */
export function foldCase(text: string): string {
  let isAscii = true;
  for (let at = 0; at < text.length && isAscii; at += 1) isAscii = text.charCodeAt(at) < 0x80;
  if (isAscii) return text.toLowerCase();
  let folded = "";
  for (const character of text) {
    const upper = character.toUpperCase();
    const single = characterUnits(upper, 0) === upper.length ? upper : character;
    const lower = single.toLowerCase();
    folded += characterUnits(lower, 0) === lower.length ? lower : single;
  }
  return folded;
}

function parse(pattern: string): number[] {
  const items: number[] = [];
  let isEscaped = false;
  for (const character of pattern) {
    if (isEscaped) {
      items.push(character.codePointAt(0) ?? 0);
      isEscaped = false;
    } else if (character === "\\") {
      isEscaped = true;
    } else if (character === "%") {
      if (items.at(-1) !== anyRun) items.push(anyRun);
    } else {
      items.push(character === "_" ? anyOne : (character.codePointAt(0) ?? 0));
    }
  }
  if (isEscaped) items.push(0x5c);
  return items;
}

/** True for a code point that can only match a whole character: half a pair could match half of one in the text. */
function isWholeCharacter(item: number): boolean {
  return item >= 0 && (item < 0xd800 || item > 0xdfff);
}
