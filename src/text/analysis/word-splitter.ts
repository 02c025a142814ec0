/**
 * Where do the words of a text begin and end?
 *
 * A word is a maximal run of letters and numbers with the marks on them. A run of a script that writes without spaces
 * (Han, Kana, Thai, Lao, Khmer, Myanmar) is cut by the engine's dictionary (`Intl.Segmenter`, Unicode Annex 29); where
 * two kinds of script meet, a word ends. ASCII text takes a path of its own, without Unicode tables.
 * Part of the text layer.
 */
import { CharacterClasses, extender, separator, spacedLetter } from "./character-classes.js";

/**
 * UTF-16 units given to the dictionary at once. Longer runs, which are rare (punctuation ends a run), go in windows:
 * the dictionary's time a character doubles from 256 to 4,096.
 */
const windowLength = 256;

const isAsciiWord = new Uint8Array(128);
for (let code = 0; code < 128; code += 1) {
  isAsciiWord[code] = /[A-Za-z0-9]/.test(String.fromCharCode(code)) ? 1 : 0;
}

/** Finds words. */
export class WordSplitter {
  readonly #classes = new CharacterClasses();
  #segmenter: Intl.Segmenter | undefined;

  /** Calls `visit(start, end)` for each word, in order. */
  split(text: string, visit: (start: number, end: number) => void): void {
    const length = text.length;
    let at = 0;
    while (at < length) {
      let code = text.charCodeAt(at);
      if (code >= 128) {
        at = this.#splitRun(text, at, visit);
        continue;
      }
      if (isAsciiWord[code] === 0) {
        at += 1;
        continue;
      }
      const start = at;
      do {
        at += 1;
        code = at < length ? text.charCodeAt(at) : 0;
      } while (code < 128 && isAsciiWord[code] === 1);
      if (code < 128) visit(start, at);
      else at = this.#splitRun(text, start, visit);
    }
  }

  /** Visits the run that begins at `start`, if one does; returns where to go on. */
  #splitRun(text: string, start: number, visit: (start: number, end: number) => void): number {
    const first = text.codePointAt(start)!;
    const kind = this.#classes.of(first);
    let at = start + (first > 0xffff ? 2 : 1);
    if (kind === separator || kind === extender) return at;
    while (at < text.length) {
      const code = text.codePointAt(at)!;
      const next = this.#classes.of(code);
      if (next !== kind && next !== extender) break;
      at += code > 0xffff ? 2 : 1;
    }
    if (kind === spacedLetter) visit(start, at);
    else this.#splitUnspaced(text, start, at, visit);
    return at;
  }

  /** The last word of a window may go on behind it: the next window begins with it. */
  #splitUnspaced(text: string, start: number, end: number, visit: (start: number, end: number) => void): void {
    this.#segmenter ??= new Intl.Segmenter("und", { granularity: "word" });
    for (let from = start; from < end; ) {
      const to = Math.min(end, from + windowLength);
      let next = to;
      for (const { index, segment, isWordLike } of this.#segmenter.segment(text.slice(from, to))) {
        const isCut = from + index + segment.length === to && to < end && index > 0;
        if (isCut) next = from + index;
        else if (isWordLike === true) visit(from + index, from + index + segment.length);
      }
      from = next;
    }
  }
}
