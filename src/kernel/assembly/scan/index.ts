/**
 * The kernel's exports: how is one vector compared with many?
 *
 * No heap, no static data, no globals: every function gets addresses, so that several instances may work on one
 * shared memory, each search with a state of its own.
 */
export {
  blockBytes,
  blockCentre,
  blockRows,
  centreBytes,
  codeBlockBytes,
  codeBytesPerRow,
  enteredCount,
  initBlock,
  initCodeBlock,
  leaveCentre,
  queryPlace,
  rescoredCount,
  resultCount,
  resultRows,
  resultScores,
  rowStride,
  stateBytes,
} from "./layout";
export { beginQuery, enterBlock } from "./bounds";
export { encodeRows, meanOfRows, normRows, spreadRows } from "./encode";
export { endQuery } from "./heap";
export { exactScore } from "./exact";
export { beginNotes, bestNoted, noteCount, raiseBest } from "./notes";
export { checkRows, keepChecksums } from "./row-checksum";
export { scoreRows } from "./score-rows";
export { scanCodesList, scanCodesRun } from "./scan-codes";
export { countMask, listMask, scanExactRows, scanFloatRows } from "./scan-rows";
export { beginProgress, progressBytes, progressPass, progressRows, scanShared, scanTable } from "./scan-table";
