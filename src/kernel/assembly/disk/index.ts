/**
 * The exports for indexes on disk: which nodes come near a query, and how does the graph between them come to be?
 *
 * No heap, no static data, no globals: every function gets addresses, so that several instances may work on one memory.
 */
export { initJob, jobBytes, linkNodes, middleNode, trimNodes } from "./build";
export { encodeNodes } from "./codes";
export { ownEntries, seedEntries } from "./entries";
export { absorbBlock, beginWalk, initWalk, nextBlocks, scanMask, scanNodes, seedWalk, walkBytes } from "./walk";
export { beginInsertion, chooseLinks, initPruner, mergeLinks, prunerBytes } from "./insert";
export {
  absorbCodes,
  absorbVectors,
  frontierRows,
  offerVector,
  rankedEntries,
  rankingBytes,
  rankLists,
} from "./postings";
export { decodeNodes, recodeNodes } from "./recode";
export { scoredCodes, walkState } from "./results";
export { endQuery } from "../scan/heap";
export { resultCount, resultRows, resultScores } from "../scan/layout";
