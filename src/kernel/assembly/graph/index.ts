/**
 * The exports of the graph kernel: which nodes are near to a query, and how does a row become a node?
 *
 * No heap, no static data, no globals: every function gets addresses, so that several threads may work on one memory.
 */
export {
  addSlab,
  centrePlace,
  entryOf,
  graphBytes,
  initGraph,
  isByDot,
  levelOf,
  scaleOf,
  setEntry,
  setByDot,
  setScale,
  slabBytes,
} from "./layout";
export { answer, answerBytes, ask } from "./answer";
export { encodeRows, joinEqualRows, leaveOut } from "./encode";
export { insertRows } from "./insert";
export { initWalker, maskPlace, walkerBytes } from "./walker";
export {
  areChainsSound,
  chainsPlace,
  checkRows,
  codesPlace,
  deriveNorms,
  listsPlace,
  upperBytes,
  upperPlace,
} from "./sections";
export { beginWays, connectRows, cutRows, followWays, foundCount, resetLocks, waysBytes } from "./repair";
