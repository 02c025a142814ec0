/**
 * How are vectors grouped, compressed and compared in compressed form?
 *
 * Functions on addresses of one shared memory; nothing is kept between calls.
 */
export { packVectors } from "./float-block";
export { addToClusters, halfSquares, lowerDistances, nearestCentroids, normaliseRows } from "./nearest";
export { rotateRows } from "./rotate";
export { encodeRows } from "./encode";
export { initState, prepareQuery, stateBytes } from "./state";
export { scanChunk } from "./search-chunks";
export { enterOnlyCentre, searchLists } from "./search-lists";
export { finishShortlist } from "./shortlist";
export { addChunk, appendRecords, chunkBytes, encodeInPlace, publishChunk } from "./lists";
