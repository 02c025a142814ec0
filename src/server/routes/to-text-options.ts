/**
 * How are the options of text search written in bodies and answers?
 */
import type { TextIndexOptions } from "../../client/collection.js";
import type { AnalyserLanguage } from "../../text/analysis/analyser-options.js";
import { definedMembers } from "./defined-members.js";

export interface TextBody {
  readonly fields?: readonly string[] | null;
  readonly k1?: number;
  readonly b?: number;
  readonly language?: string | null;
  readonly stop_words?: boolean | readonly string[];
  readonly fold_accents?: boolean;
}

/** The client's options; what is no option's value is refused by it. */
export function textOptions({ fields, k1, b, language, stop_words, fold_accents }: TextBody): TextIndexOptions {
  return definedMembers({
    fields,
    k1,
    b,
    language: language as AnalyserLanguage | null | undefined,
    stopWords: stop_words,
    foldAccents: fold_accents,
  });
}

export function textOptionsAnswer(options: Required<TextIndexOptions>): object {
  const { fields, k1, b, language, stopWords, foldAccents } = options;
  return { fields, k1, b, language, stop_words: stopWords, fold_accents: foldAccents };
}
