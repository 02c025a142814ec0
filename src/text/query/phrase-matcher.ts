/**
 * Does a phrase end at this word?
 *
 * The phrase's positions are bits; every word shifts the state and keeps the positions that it fits (Shift-And:
 * Baeza-Yates, Gonnet, A New Approach to Text Searching, CACM 35, 1992). Time is linear in the text whatever repeats
 * in it, and a position that takes any word costs nothing more. Part of the text layer.
 */
import type { TextAnalyser } from "../analysis/text-analyser.js";
import type { TextPhrase } from "./text-query.js";

/** Follows one text word by word. */
export class PhraseMatcher {
  /** Words of the phrase, stop words between them included. */
  readonly length: number;
  readonly #fits = new Map<string, Uint32Array>();
  readonly #fitsAny: Uint32Array;
  readonly #state: Uint32Array;
  readonly #lastWord: number;
  readonly #lastBit: number;

  constructor(phrase: TextPhrase) {
    this.length = phrase.length;
    const words = (phrase.length + 31) >>> 5;
    this.#state = new Uint32Array(words);
    this.#lastWord = words - 1;
    this.#lastBit = 1 << ((phrase.length - 1) & 31);
    const fitsAny = new Uint32Array(words);
    for (const [position, term] of phrase.entries()) {
      if (term === null) fitsAny[position >>> 5]! |= 1 << (position & 31);
    }
    for (const [position, term] of phrase.entries()) {
      if (term === null) continue;
      const fits = this.#fits.get(term) ?? fitsAny.slice();
      fits[position >>> 5]! |= 1 << (position & 31);
      this.#fits.set(term, fits);
    }
    this.#fitsAny = fitsAny;
  }

  /** Begins a new text. */
  reset(): void {
    this.#state.fill(0);
  }

  /** Takes the text's next word (`null`: a stop word); true when the phrase ends with it. */
  take(term: string | null): boolean {
    const fits = (term === null ? undefined : this.#fits.get(term)) ?? this.#fitsAny;
    const state = this.#state;
    let carry = 1;
    for (let word = 0; word < state.length; word += 1) {
      const before = state[word]!;
      state[word] = ((before << 1) | carry) & fits[word]!;
      carry = before >>> 31;
    }
    return (state[this.#lastWord]! & this.#lastBit) !== 0;
  }
}

/** True when the words of `phrase` stand next to each other, in order, within one of `texts`. */
export function phraseMatches(texts: Iterable<string>, phrase: TextPhrase, analyser: TextAnalyser): boolean {
  const matcher = new PhraseMatcher(phrase);
  for (const text of texts) {
    let isFound = false;
    matcher.reset();
    analyser.segments(text, (start, end) => {
      if (!isFound) isFound = matcher.take(analyser.termOf(text.slice(start, end)));
    });
    if (isFound) return true;
  }
  return false;
}
