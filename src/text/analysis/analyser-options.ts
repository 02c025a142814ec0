/**
 * Which choices does text analysis offer, and are these ones?
 *
 * The options are kept with a collection: what a user gives and what a manifest holds pass the same check. Two options
 * objects that mean the same have the same key, and the key is stored with an index: another key, another index.
 * Part of the text layer; imports nothing but the errors.
 */
import { LynseError } from "../../errors.js";
import { checkLimit } from "../../limits.js";

/** Languages with a stemmer, by the names of the package `@orama/stemmers`. */
export const analyserLanguages = [
  "arabic",
  "armenian",
  "bulgarian",
  "danish",
  "dutch",
  "english",
  "finnish",
  "french",
  "german",
  "greek",
  "hungarian",
  "indian",
  "indonesian",
  "irish",
  "italian",
  "lithuanian",
  "nepali",
  "norwegian",
  "portuguese",
  "romanian",
  "russian",
  "sanskrit",
  "serbian",
  "spanish",
  "swedish",
  "tamil",
  "turkish",
  "ukrainian",
] as const;

/** A language with a stemmer. */
export type AnalyserLanguage = (typeof analyserLanguages)[number];

/** How words become terms. Without options: words of any script, in lower case, every word counts. */
export interface AnalyserOptions {
  /**
   * Words are reduced to their stems in this language, so that "walking" finds "walked". Needs the package
   * `@orama/stemmers`. `null`: words stay as they are. Default `null`.
   */
  readonly language?: AnalyserLanguage | null;
  /**
   * Words that are not indexed and not searched. `true`: the language's list, from the package `@orama/stopwords`; a
   * list: these words. Default `false`: every word counts.
   */
  readonly stopWords?: boolean | readonly string[];
  /** Letters lose their accents: "café" and "cafe" are one word. Default `false`. */
  readonly foldAccents?: boolean;
}

/** Options with every member present; a list of stop words is sorted and each stands once. */
export type CheckedAnalyserOptions = {
  readonly [Name in keyof AnalyserOptions]-?: Exclude<AnalyserOptions[Name], undefined>;
};

/** Rules of this analyser: a change to them that gives other terms gets another number. */
const analyserVersion = 1;
/** UTF-16 units of one stop word: words, not texts. */
const stopWordLengthMax = 64;

const optionNames = ["language", "stopWords", "foldAccents"] as const;

/** The options that `value` (a user's object or a manifest's) stands for; `undefined` gives the defaults. */
export function checkAnalyserOptions(value: unknown): CheckedAnalyserOptions {
  if (value === undefined) return { language: null, stopWords: false, foldAccents: false };
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(`text analysis takes an options object, got ${shown(value)}`, "analyser");
  }
  for (const name of Object.keys(value)) {
    if (optionNames.some((known) => known === name)) continue;
    throw invalid(`text analysis has no option "${name}"; it takes ${optionNames.join(", ")}`, name);
  }
  const given = value as Record<(typeof optionNames)[number], unknown>;
  const language = checkLanguage(given.language ?? null);
  const foldAccents = given.foldAccents ?? false;
  if (typeof foldAccents !== "boolean") {
    throw invalid(`foldAccents must be true or false, got ${shown(foldAccents)}`, "foldAccents");
  }
  return { language, stopWords: checkStopWords(given.stopWords ?? false, language), foldAccents };
}

/** A text that is equal for options that give equal terms; stored with an index. */
export function analyserKey(options: AnalyserOptions): string {
  const { language, stopWords, foldAccents } = checkAnalyserOptions(options);
  return JSON.stringify([analyserVersion, language, stopWords, foldAccents]);
}

function checkLanguage(value: unknown): AnalyserLanguage | null {
  if (value === null) return null;
  const found = analyserLanguages.find((name) => name === value);
  if (found !== undefined) return found;
  const near = analyserLanguages.find(
    (name) => typeof value === "string" && value !== "" && name.startsWith(value.toLowerCase().slice(0, 4)),
  );
  const hint = near === undefined ? "" : `did you mean "${near}"? `;
  throw invalid(
    `there is no stemmer for the language ${shown(value)}; ${hint}Known: ${analyserLanguages.join(", ")}, or null`,
    "language",
  );
}

function checkStopWords(value: unknown, language: AnalyserLanguage | null): boolean | readonly string[] {
  if (value === true && language === null) {
    throw invalid(
      "stopWords: true takes a language's list, but no language is set; name it or list the words",
      "stopWords",
    );
  }
  if (typeof value === "boolean") return value;
  if (!Array.isArray(value)) throw invalid(`stopWords must be true, false or words, got ${shown(value)}`, "stopWords");
  checkLimit("stopWordsMax", value.length, "the number of stop words");
  const words = new Set<string>();
  for (const [position, word] of value.entries()) {
    const isWord = typeof word === "string" && word.length <= stopWordLengthMax && /^\S*[\p{L}\p{N}]\S*$/u.test(word);
    if (!isWord) {
      throw invalid(`stopWords[${position}] must be one word, got ${shown(word)}`, "stopWords", { position });
    }
    words.add(word);
  }
  return words.size === 0 ? false : [...words].sort();
}

function invalid(message: string, option: string, more: Record<string, unknown> = {}): LynseError {
  return new LynseError("INVALID_ARGUMENT", message, { option, ...more });
}

function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (value === null || typeof value !== "object") return String(value);
  return Array.isArray(value) ? "an array" : "an object";
}
