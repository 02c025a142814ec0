/**
 * The metrics kernel's exports: how far is one vector from many, by the metrics that the scan kernel does not know?
 *
 * It works on the blocks of the scan kernel (`scan/layout.ts`). No heap, no static data, no globals: every function
 * gets addresses, so that several instances may work on one shared memory, each search with a state of its own.
 */
export { endQuery } from "../scan/heap";
export { rescoredCount, resultCount, resultRows, resultScores } from "../scan/layout";
export { beginQuery, metricValue, queryPlace, scanMetric } from "./scan-metric";
export { assignPacked, moveCentroids } from "./majority";
export { countRows, packQuery, packRows, packedStride, scanPackedList, scanPackedRows } from "./packed";
export { stateBytes } from "./state";
