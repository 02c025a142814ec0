/**
 * What turns this collection's texts into terms?
 *
 * Splitting, folding, stop words and stems put together as the options say. A word is folded first; then it is a stop
 * word or not; then it is stemmed. What a language needs is loaded here, once, so that analysis itself never waits.
 * Part of the text layer.
 */
import { type AnalyserOptions, checkAnalyserOptions } from "./analyser-options.js";
import { type FoldOptions, foldWord } from "./fold-word.js";
import { loadStemmer, loadStopWords, type ModuleLoader, type Stemmer } from "./load-language.js";
import type { TextAnalyser } from "./text-analyser.js";
import { WordSplitter } from "./word-splitter.js";

/** Longest word that is stemmed, UTF-16 units: longer ones are data, and stemmers are made for words. */
const stemLengthMax = 64;
/** Longest piece of a listed contraction that counts as a stop word: the t of "don't", the ll of "you'll". */
const contractionLengthMax = 2;

/**
 * The analyser of these options. `INVALID_ARGUMENT`: options that mean nothing; `UNSUPPORTED`: a language's package is
 * not installed. `load` takes the place of `import()` in tests.
 */
export async function createAnalyser(options: AnalyserOptions, load?: ModuleLoader): Promise<TextAnalyser> {
  const { language, stopWords, foldAccents } = checkAnalyserOptions(options);
  const folding = { foldAccents, isTurkish: language === "turkish" };
  const stemmer = language === null ? null : await loadStemmer(language, load);
  const listed = stopWords === true && language !== null ? await loadStopWords(language, load) : stopWords;
  return new WordAnalyser(folding, typeof listed === "boolean" ? [] : listed, stemmer);
}

class WordAnalyser implements TextAnalyser {
  readonly #splitter = new WordSplitter();
  readonly #folding: FoldOptions;
  readonly #stopWords = new Set<string>();
  readonly #stem: Stemmer | null;

  constructor(folding: FoldOptions, stopWords: readonly string[], stem: Stemmer | null) {
    this.#folding = folding;
    this.#stem = stem;
    for (const word of stopWords) this.#addStopWord(word);
  }

  segments(text: string, visit: (start: number, end: number) => void): void {
    this.#splitter.split(text, visit);
  }

  termOf(token: string): string | null {
    const word = foldWord(token, this.#folding);
    if (word === "" || this.#stopWords.has(word)) return null;
    if (this.#stem === null || word.length > stemLengthMax) return word;
    return this.#stem(word) || word;
  }

  prefixOf(token: string): string {
    return foldWord(token, this.#folding);
  }

  /** A listed "don't" is two words to the splitter: its last piece is a stop word if it is short, "don" is none. */
  #addStopWord(listed: string): void {
    const pieces: string[] = [];
    this.#splitter.split(listed, (start, end) => pieces.push(foldWord(listed.slice(start, end), this.#folding)));
    const last = pieces.at(-1);
    if (last === undefined) return;
    if (pieces.length === 1 || last.length <= contractionLengthMax) this.#stopWords.add(last);
  }
}
