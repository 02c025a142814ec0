/**
 * How does text become terms?
 *
 * The contract between the analyser, which knows languages, and the index and the queries, which only know terms. A
 * text is first cut into raw tokens, then every raw token gives one term or none. Both steps are pure: the same text
 * gives the same terms for as long as the index lives. Types only; imported by the index, the queries and the engine.
 */

/** Cuts texts into tokens and turns tokens into terms. */
export interface TextAnalyser {
  /**
   * Calls `visit(start, end)` with the UTF-16 offsets of each raw token of `text`, in order and without overlap. A
   * string of ASCII characters alone splits into its maximal runs of [A-Za-z0-9].
   */
  segments(text: string, visit: (start: number, end: number) => void): void;
  /**
   * The term of a raw token: case folded and, as the options say, without accents and stemmed. `null`: a stop word, not
   * indexed. Asked once a distinct raw token.
   */
  termOf(token: string): string | null;
  /**
   * What a query's `word*` is a prefix of: the token as its term would be before the stemmer, stop words included.
   */
  prefixOf(token: string): string;
}
