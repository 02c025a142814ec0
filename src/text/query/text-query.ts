/**
 * What does a text query ask for?
 *
 * The parsed form that the index searches (`groups`, `required`, `excluded`), with what only the texts themselves can
 * answer (`phrases`, `excludedPhrases`) and what a highlighter marks (`words`, `phrases`). Types only.
 */

/** Terms that count as one: their rows are united. Or every term with this beginning. */
export type TermGroup = readonly string[] | { readonly prefix: string };

/** Terms at neighbouring positions of one string; `null` stands for any one word (a stop word stood there). */
export type TextPhrase = readonly (string | null)[];

/** A parsed query. */
export interface TextQuery {
  /** What is scored: each distinct word and prefix once, with the number of times that the query names it. */
  readonly groups: readonly { readonly terms: TermGroup; readonly weight: number }[];
  /** A row must have all of these. */
  readonly required: readonly TermGroup[];
  /** A row may have none of these. */
  readonly excluded: readonly TermGroup[];
  /** A row must hold each of these in one of its strings; their words are in `groups` and `required` as well. */
  readonly phrases: readonly TextPhrase[];
  /** A row may hold none of these in any of its strings. */
  readonly excludedPhrases: readonly TextPhrase[];
  /** The groups that the query names outside phrases. */
  readonly words: readonly TermGroup[];
}
