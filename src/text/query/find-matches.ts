/**
 * Where in a text are the words and phrases of a query?
 *
 * One pass over the text's words. Spans come out in order and without overlap: a phrase is one span, from its first
 * word to its last, and takes in the words within it. Part of the text layer.
 */
import type { TextAnalyser } from "../analysis/text-analyser.js";
import { PhraseMatcher } from "./phrase-matcher.js";
import type { TextQuery } from "./text-query.js";

/** Part of a text that is looked at, UTF-16 units: nobody reads the highlights of more. */
const searchedLengthMax = 1_000_000;

/** A matched part of a text. */
export interface MatchSpan {
  readonly start: number;
  readonly end: number;
  /** Which word, prefix or phrase of the query it is. */
  readonly part: number;
}

/** What was found in one text. */
export interface TextMatches {
  readonly spans: readonly MatchSpan[];
  /** Where each word of the text begins, and ends: places to cut. */
  readonly wordStarts: readonly number[];
  readonly wordEnds: readonly number[];
}

/** The matches of a query in `text`. */
export function findMatches(
  text: string,
  query: Pick<TextQuery, "words" | "phrases">,
  analyser: TextAnalyser,
): TextMatches {
  const parts = new QueryParts(query);
  const phrases = query.phrases.map((phrase) => new PhraseMatcher(phrase));
  const wordStarts: number[] = [];
  const wordEnds: number[] = [];
  const found: MatchSpan[] = [];
  const searched = text.length > searchedLengthMax ? text.slice(0, searchedLengthMax) : text;
  analyser.segments(searched, (start, end) => {
    wordStarts.push(start);
    wordEnds.push(end);
    const term = analyser.termOf(searched.slice(start, end));
    const part = term === null ? -1 : parts.of(term);
    if (part >= 0) found.push({ start, end, part });
    for (const [position, phrase] of phrases.entries()) {
      if (!phrase.take(term)) continue;
      found.push({ start: wordStarts.at(-phrase.length)!, end, part: parts.count + position });
    }
  });
  return { spans: withoutOverlap(found), wordStarts, wordEnds };
}

/** The words and prefixes of a query by what they match. */
class QueryParts {
  readonly count: number;
  readonly #terms = new Map<string, number>();
  readonly #prefixes: { readonly prefix: string; readonly part: number }[] = [];

  constructor({ words }: Pick<TextQuery, "words">) {
    this.count = words.length;
    for (const [part, word] of words.entries()) {
      if ("prefix" in word) this.#prefixes.push({ prefix: word.prefix, part });
      else for (const term of word) this.#terms.set(term, part);
    }
  }

  /** The part that matches a term; -1: none. */
  of(term: string): number {
    const part = this.#terms.get(term);
    if (part !== undefined) return part;
    return this.#prefixes.find(({ prefix }) => term.startsWith(prefix))?.part ?? -1;
  }
}

/** Overlapping spans become one, of the first one's part: words within phrases, phrases that share a word. */
function withoutOverlap(found: MatchSpan[]): MatchSpan[] {
  found.sort((a, b) => a.start - b.start);
  const spans: MatchSpan[] = [];
  for (const span of found) {
    const last = spans.at(-1);
    if (last === undefined || span.start >= last.end) spans.push(span);
    else if (span.end > last.end) spans[spans.length - 1] = { ...last, end: span.end };
  }
  return spans;
}
