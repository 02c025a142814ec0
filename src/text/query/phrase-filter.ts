/**
 * Which of the rows with the right words have them in the right order?
 *
 * The index knows rows and counts, not positions: rows that it finds for a query with phrases are read and checked
 * here, against each phrase that they must hold and each that they may not. Part of the text layer.
 */
import type { JsonValue } from "../../types.js";
import type { TextAnalyser } from "../analysis/text-analyser.js";
import { phraseMatches } from "./phrase-matcher.js";
import { RememberedTerms } from "./remembered-terms.js";
import { stringsOf } from "./strings-of.js";
import type { TextQuery } from "./text-query.js";

/** Checks the phrases of one query. */
export class PhraseFilter {
  /** False when the query has no phrase: every row of the index's is right. */
  readonly isNeeded: boolean;
  readonly #query: Pick<TextQuery, "phrases" | "excludedPhrases">;
  readonly #fields: readonly string[] | null;
  readonly #analyser: TextAnalyser;

  /** `fields`: the fields that the query looks at; `null`: every string. */
  constructor(
    query: Pick<TextQuery, "phrases" | "excludedPhrases">,
    fields: readonly string[] | null,
    analyser: TextAnalyser,
  ) {
    this.isNeeded = query.phrases.length + query.excludedPhrases.length > 0;
    this.#query = query;
    this.#fields = fields;
    this.#analyser = new RememberedTerms(analyser);
  }

  /** True when the row with this metadata holds all the phrases and none of the excluded ones. */
  accepts(field: JsonValue): boolean {
    const texts = stringsOf(field, this.#fields).map(({ text }) => text);
    return (
      this.#query.phrases.every((phrase) => phraseMatches(texts, phrase, this.#analyser)) &&
      !this.#query.excludedPhrases.some((phrase) => phraseMatches(texts, phrase, this.#analyser))
    );
  }
}
