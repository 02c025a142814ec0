/**
 * What is BM25 by its formula, and nothing else?
 *
 * Lower-case words of letters and digits, all strings of a row as one text. A model to compare with: slow and plain.
 */
import type { Id } from "../../src/index.js";

export interface NaiveText {
  readonly id: Id;
  readonly field: unknown;
}

/** The words of every string in a value, at any depth. */
function wordsOf(value: unknown): string[] {
  if (typeof value === "string") return value.toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(wordsOf);
}

/** Scores above 0 by id. */
export function naiveBm25(rows: readonly NaiveText[], query: string, k1 = 1.2, b = 0.75): Map<Id, number> {
  const texts = rows.map(({ id, field }) => ({ id, words: wordsOf(field) })).filter(({ words }) => words.length > 0);
  const mean = texts.reduce((sum, { words }) => sum + words.length, 0) / texts.length;
  const scores = new Map<Id, number>();
  for (const word of wordsOf(query)) {
    const df = texts.filter(({ words }) => words.includes(word)).length;
    const idf = Math.log((texts.length - df + 0.5) / (df + 0.5) + 1);
    for (const { id, words } of texts) {
      const tf = words.filter((other) => other === word).length;
      if (tf === 0) continue;
      const score = (idf * tf * (k1 + 1)) / (tf + k1 * (1 - b + (b * words.length) / mean));
      scores.set(id, (scores.get(id) ?? 0) + score);
    }
  }
  return scores;
}
