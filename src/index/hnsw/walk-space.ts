/**
 * In which space does a graph look for the nearest rows of a metric?
 *
 * Walks compare int8 codes by inner product, squared distance or cosine, or float32 components by squared, absolute or
 * greatest difference. A walk space says which of them ranks rows as the metric does, after rows and queries were mapped.
 * Exact values come from the index's owner, so a space only has to rank; where it ranks nearly as the metric does, more
 * candidates are proposed.
 */
import { LynseError } from "../../errors.js";
import type { Metric } from "../../types.js";

export interface WalkSpace {
  /** Number of the space in the kernel. */
  readonly number: number;
  /** Components of a mapped row. */
  readonly dim: number;
  /** Bytes of a mapped row as walks read it. */
  readonly rowBytes: number;
  /** Writes a row of `source`, beginning at `start`, to `target` from `place` on, mapped; null: it is walked as it is. */
  readonly map: RowMap | null;
  /** True where the space ranks nearly, not exactly, as the metric does. */
  readonly isProxy: boolean;
}

export type RowMap = (source: Float32Array, start: number, target: Float32Array, place: number) => void;

const codes = { ip: 0, l2: 1, cos: 2 } as const;
const floats = { l2: 3, l1: 4, greatest: 5 } as const;

/** Components up to which codes are too coarse: many rows would have the same one. */
const floatDimMax = 16;
/** Places on the unit sphere are given in degrees. */
const radians = Math.PI / 180;
/** Far from every distribution: those are between 0 and 1. */
const noMass = -1_000;

function inCodes(number: number, dim: number, map: RowMap | null, isProxy = false): WalkSpace {
  return { number, dim, rowBytes: Math.ceil(dim / 16) * 16, map, isProxy };
}

function inFloats(number: number, dim: number, map: RowMap | null, isProxy = false): WalkSpace {
  return { number, dim, rowBytes: Math.ceil(dim / 4) * 16, map, isProxy };
}

/** Space of unit vectors by their angle. */
function angular(dim: number, map: RowMap, isProxy = false): WalkSpace {
  return dim <= floatDimMax ? inFloats(floats.l2, dim, map, isProxy) : inCodes(codes.ip, dim, map, isProxy);
}

/** Writes f(x)/|f(x)| and 0; where all f(x) are 0, a direction of their own, at a right angle to all others. */
function unitMap(dim: number, component: (x: number, mean: number) => number): RowMap {
  return (source, start, target, place) => {
    let mean = 0;
    for (let i = 0; i < dim; i++) mean += (source[start + i] as number) / dim;
    let square = 0;
    for (let i = 0; i < dim; i++) square += component(source[start + i] as number, mean) ** 2;
    const factor = square > 0 ? 1 / Math.sqrt(square) : 0;
    for (let i = 0; i < dim; i++) target[place + i] = component(source[start + i] as number, mean) * factor;
    target[place + dim] = square > 0 ? 0 : 1;
  };
}

/** Longitude and latitude as a point of the unit sphere: chords are in the order of great circles. */
const sphereMap: RowMap = (source, start, target, place) => {
  const longitude = (source[start] as number) * radians;
  const latitude = (source[start + 1] as number) * radians;
  target[place] = Math.cos(latitude) * Math.cos(longitude);
  target[place + 1] = Math.cos(latitude) * Math.sin(longitude);
  target[place + 2] = Math.sin(latitude);
};

/** The share of the mass up to each component but the last: Wasserstein's distance is their absolute difference. */
function cumulativeMap(dim: number): RowMap {
  return (source, start, target, place) => {
    let mass = 0;
    for (let i = 0; i < dim; i++) mass += source[start + i] as number;
    let sum = 0;
    for (let i = 0; i < Math.max(1, dim - 1); i++) {
      sum += source[start + i] as number;
      target[place + i] = mass > 0 ? sum / mass : noMass;
    }
  };
}

function bitMap(dim: number): RowMap {
  return (source, start, target, place) => {
    for (let i = 0; i < dim; i++) target[place + i] = (source[start + i] as number) > 0.5 ? 1 : 0;
  };
}

const asBit = (x: number): number => (x > 0.5 ? 1 : 0);

/** The space of a metric over rows of `dim` components. */
export function walkSpace(metric: Metric, dim: number): WalkSpace {
  switch (metric) {
    case "ip":
      return inCodes(codes.ip, dim, null);
    case "l2":
      return dim <= floatDimMax ? inFloats(floats.l2, dim, null) : inCodes(codes.l2, dim, null);
    case "cos":
      return dim <= floatDimMax
        ? angular(
            dim + 1,
            unitMap(dim, (x) => x),
          )
        : inCodes(codes.cos, dim, null);
    case "correlation":
      return angular(
        dim + 1,
        unitMap(dim, (x, mean) => x - mean),
      );
    case "hellinger":
      return angular(
        dim + 1,
        unitMap(dim, (x) => Math.sqrt(Math.max(0, x))),
      );
    case "jensen_shannon":
      // Both are f-divergences that agree where distributions are near to each other.
      return angular(
        dim + 1,
        unitMap(dim, (x) => Math.sqrt(Math.max(0, x))),
        true,
      );
    case "haversine":
      return inFloats(floats.l2, 3, sphereMap);
    case "l1":
      return inFloats(floats.l1, dim, null);
    case "chebyshev":
      return inFloats(floats.greatest, dim, null);
    case "wasserstein":
      return inFloats(floats.l1, Math.max(1, dim - 1), cumulativeMap(dim));
    case "hamming":
      return inCodes(codes.l2, dim, bitMap(dim));
    case "jaccard":
    case "tanimoto":
    case "dice":
      // Shared bits over the geometric mean of the counts, instead of over the union.
      return angular(dim + 1, unitMap(dim, asBit), true);
    default:
      throw new LynseError("UNSUPPORTED_INDEX", `HNSW has no graph for the metric ${metric}; use FLAT`, { metric });
  }
}
