/**
 * Which rows have which words?
 *
 * An inverted index that grows by rows, and its search by BM25. Functions on addresses of one memory; nothing is kept
 * between calls but what lies in the index's state.
 */
export { release as releasePlace } from "./allocate";
export { openCursor, openPlain } from "./cursor";
export { extendLengths } from "./lengths";
export { postingsOf } from "./lists";
export { addNode } from "./nodes";
export { takePlace } from "./place";
export { readLengthSection, readSignature, readTermSection } from "./read-sections";
export { addRows, countRows, countSet, intersect, listRows, sumDeadLengths } from "./row-sets";
export { beginInput, readRows } from "./scan-json";
export { searchLists } from "./search";
export { fillBounds, fillOccurrences } from "./selection";
export { addToken, findTerm, learnToken, nextTerms } from "./terms";
export { fillUnits } from "./unit-score";
export { beginLengths, beginTerms, writeLengthSection, writeTermSection } from "./write-sections";
