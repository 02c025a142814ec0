/**
 * Which metadata field do the full text searches read?
 */

/** A text field of every corpus: the short description of a package, or the like of it. */
export const textField = "text";
