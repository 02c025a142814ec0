/**
 * The exports for sparse vectors: which have the largest inner product with a query?
 *
 * No heap, no static data, no globals: every function gets addresses.
 */
export { endQuery } from "../scan/heap";
export { resultCount, resultRows, resultScores } from "../scan/layout";
export { collectKeys, keyTableBytes, nameLists, rankFeatures } from "./build";
export {
  countLists,
  dropEmptyLists,
  fillFrom,
  hashLists,
  layOut,
  mergeLists,
  placeLists,
  postingBytes,
  renumber,
  segmentBytes,
} from "./merge";
export { beginQuery, featuresPlace, layOutQuery, queryBytes, scoredCount, weightsPlace } from "./query";
export { matchLoose, searchLoose } from "./score";
export { matchSegment, scoreSlots, searchSegment } from "./search";
