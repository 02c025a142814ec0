/**
 * Which metadata field do the filtered searches ask about?
 */

/** A text field of every corpus: the archive section of a package, or the like of it. */
export const filterField = "section";
