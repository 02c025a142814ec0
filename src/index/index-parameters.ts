/**
 * Which parameters does an index take?
 *
 * One table: name, default, range. 0 means "automatic" where the range begins with it and the default is 0. What is not
 * in the table is refused by name, so that a misspelled parameter is never silently ignored.
 */
import { LynseError } from "../errors.js";
import { limits } from "../limits.js";
import type { IndexFamilyName, IndexName } from "./index-name.js";
import type { IndexParameters } from "./vector-index.js";

/** One parameter of an index. */
export interface IndexParameter {
  readonly name: string;
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly isInteger: boolean;
  /** One line for documentation. */
  readonly summary: string;
}

const integer = (name: string, value: number, min: number, max: number, summary: string): IndexParameter =>
  Object.freeze({ name, default: value, min, max, isInteger: true, summary });

const threads = integer("threads", 0, 0, 1_024, "threads that build; 0: all of the pool; 1: the same index every time");
const seed = integer("seed", 42, 0, 0xffff_ffff, "seed of everything random");
const nClusters = integer("nClusters", 0, 0, 1_000_000, "clusters; 0: about 4·√rows");
const nprobe = integer("nprobe", 0, 0, 1_000_000, "clusters that a search looks at; 0: automatic");
const oversample = integer("oversample", 0, 0, 10_000, "candidates scored exactly, in multiples of k; 0: automatic");

const familyParameters: Readonly<Record<IndexFamilyName, readonly IndexParameter[]>> = {
  FLAT: [],
  HNSW: [
    integer("m", 16, 2, 128, "links a row on upper levels; twice as many on the lowest"),
    integer("efConstruction", 200, 2, 10_000, "rows that an insertion keeps in view; at least m"),
    integer("efSearch", 64, 1, limits.kMax, "rows that a search keeps in view"),
    threads,
    seed,
  ],
  IVF: [nClusters, nprobe, seed],
  SPANN: [nClusters, integer("replicaCount", 4, 1, 64, "lists at most that a row stands in"), nprobe, seed],
  DISKANN: [
    integer("maxDegree", 64, 4, 512, "links a row"),
    integer("searchListSize", 100, 4, 10_000, "rows that an insertion keeps in view"),
    Object.freeze({
      name: "alpha",
      default: 1.2,
      min: 1,
      max: 10,
      isInteger: false,
      summary: "how much longer than the direct way a detour may be; more keeps longer links",
    }),
    integer("beamWidth", 4, 1, 256, "pages read at the same time"),
    threads,
    seed,
  ],
};

/** The parameters of an index, in the order of documentation. */
export function indexParametersOf(name: IndexName): readonly IndexParameter[] {
  const { family, quantizer } = name;
  const own = familyParameters[family];
  if (quantizer === null || quantizer === "BINARY") return own;
  // Flat codes are trained or rotated at random too, but for SQ8's.
  return family === "FLAT" && quantizer !== "SQ8" ? [seed, oversample] : [...own, oversample];
}

/** All parameters of an index, defaults filled in; `INVALID_ARGUMENT` where one is unknown or out of range. */
export function checkIndexParameters(name: IndexName, given: Readonly<Record<string, unknown>>): IndexParameters {
  const known = indexParametersOf(name);
  const names = known.map((parameter) => parameter.name);
  for (const key of Object.keys(given)) {
    if (names.includes(key)) continue;
    const takes = names.length === 0 ? "it takes none" : `it takes ${names.join(", ")}`;
    throw new LynseError("INVALID_ARGUMENT", `index ${name.name} has no parameter ${JSON.stringify(key)}; ${takes}`, {
      got: key,
      expected: names,
    });
  }
  const checked: Record<string, number> = {};
  for (const parameter of known) checked[parameter.name] = checkValue(name, parameter, given[parameter.name]);
  const { m, efConstruction } = checked;
  if (m !== undefined && efConstruction !== undefined && efConstruction < m) {
    const message = `efConstruction of index ${name.name} must be at least m = ${m}, got ${efConstruction}`;
    throw new LynseError("INVALID_ARGUMENT", message, { parameter: "efConstruction", min: m, got: efConstruction });
  }
  return Object.freeze(checked);
}

function checkValue(name: IndexName, parameter: IndexParameter, value: unknown): number {
  if (value === undefined) return parameter.default;
  const { min, max, isInteger } = parameter;
  const isNumber = typeof value === "number" && (isInteger ? Number.isInteger(value) : Number.isFinite(value));
  if (isNumber && value >= min && value <= max) return value;
  const kind = isInteger ? "an integer" : "a number";
  const got = typeof value === "number" ? value : typeof value === "string" ? value.slice(0, 100) : typeof value;
  const shown = typeof value === "string" ? JSON.stringify(got) : got;
  throw new LynseError(
    "INVALID_ARGUMENT",
    `${parameter.name} of index ${name.name} must be ${kind} from ${min} to ${max}, got ${shown}`,
    { parameter: parameter.name, min, max, default: parameter.default, got },
  );
}
