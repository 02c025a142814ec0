/**
 * What are engines asked in the workloads about full text?
 *
 * Two to five words of the text of a row that is held out, with the number of that row's vector: the two halves of a
 * hybrid query are about the same thing. Where fewer rows are held out than queries are wanted, a row is asked about
 * several times, each time with words drawn anew.
 */
import type { RowFields } from "./engine.js";
import { Random } from "./random.js";
import { textField } from "./text-field.js";
import { wordsOf } from "./words-of.js";

/** A mean over fewer queries depends on which were drawn. */
const queriesLeast = 300;
const wordsLeast = 2;
const wordsMost = 5;

export interface TextQuery {
  /** Distinct words, in lower case. */
  readonly words: readonly string[];
  /** Number of the held out row that the words are from. */
  readonly row: number;
}

/** The queries; none where no row that is held out has two words. */
export function drawTextQueries(heldOut: readonly RowFields[], seed: number): TextQuery[] {
  const random = new Random(seed);
  const worded = heldOut.flatMap((fields, row) => {
    const text = fields[textField];
    const words = typeof text === "string" ? [...new Set(wordsOf(text))] : [];
    return words.length < wordsLeast ? [] : [{ row, words }];
  });
  if (worded.length === 0) return [];
  const count = Math.max(queriesLeast, heldOut.length);
  return Array.from({ length: count }, (_, query) => {
    const { row, words } = worded[query % worded.length]!;
    const wanted = wordsLeast + random.integer(wordsMost - wordsLeast + 1);
    return { row, words: drawn(words, Math.min(wanted, words.length), random) };
  });
}

function drawn(words: readonly string[], count: number, random: Random): string[] {
  const left = [...words];
  return Array.from({ length: count }, () => left.splice(random.integer(left.length), 1)[0]!);
}
