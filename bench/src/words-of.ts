/**
 * What is a word, for the benchmark's own queries and its own BM25?
 *
 * Runs of letters and digits, in lower case. Engines draw the line elsewhere: accents, apostrophes, marks.
 */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}
