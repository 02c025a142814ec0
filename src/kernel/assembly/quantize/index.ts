/**
 * How are vectors grouped, compressed and compared in compressed form?
 *
 * Functions on addresses of one shared memory; nothing is kept between calls.
 */
export { packVectors, unpackLane, dotBlock } from "./float-block";
export { addToClusters, halfSquares, lowerDistances, nearestCentroids, normaliseRows, scoreCentroids } from "./nearest";
