/**
 * Is the term of this word known already?
 *
 * An analyser that remembers the terms of the words that it has met. For work that reads many texts of like words one
 * after another: phrases of one query, highlights of one result. The index has its own dictionary. Part of the text
 * layer.
 */
import type { TextAnalyser } from "../analysis/text-analyser.js";

/** Words remembered at once: a few megabytes at most. */
const rememberedMax = 16_384;

/** `analyser` with a memory. */
export class RememberedTerms implements TextAnalyser {
  readonly #analyser: TextAnalyser;
  readonly #terms = new Map<string, string | null>();

  constructor(analyser: TextAnalyser) {
    this.#analyser = analyser;
  }

  segments(text: string, visit: (start: number, end: number) => void): void {
    this.#analyser.segments(text, visit);
  }

  termOf(token: string): string | null {
    const known = this.#terms.get(token);
    if (known !== undefined) return known;
    const term = this.#analyser.termOf(token);
    if (this.#terms.size >= rememberedMax) this.#terms.clear();
    this.#terms.set(token, term);
    return term;
  }

  prefixOf(token: string): string {
    return this.#analyser.prefixOf(token);
  }
}
