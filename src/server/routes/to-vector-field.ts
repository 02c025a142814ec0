/**
 * How does an answer describe a vector field, and what does a body say of a new one?
 *
 * An entry has LynseDB's members, in which nothing is null, and ours beside them.
 */
import type { IndexState, VectorFieldInfo, VectorFieldOptions } from "../../client/collection.js";
import { LynseError } from "../../errors.js";
import type { Dtype, Metric } from "../../types.js";
import { definedMembers } from "./defined-members.js";

export interface VectorFieldBody {
  readonly dim?: number;
  readonly dimension?: number;
  readonly metric?: string;
  readonly index_mode?: string;
  readonly dtypes?: string;
}

/** Names of metrics in LynseDB that are not ours. */
const metricAliases: Readonly<Record<string, Metric>> = {
  inner_product: "ip",
  inner: "ip",
  dot: "ip",
  l2sq: "l2",
  l2_squared: "l2",
  euclidean: "l2",
  cosine: "cos",
  cosine_distance: "cos",
  manhattan: "l1",
  cityblock: "l1",
  haversine_m: "haversine",
  geo: "haversine",
  pearson: "correlation",
  wasserstein1d: "wasserstein",
  wasserstein_1d: "wasserstein",
  emd: "wasserstein",
  sorensen: "dice",
  sorensen_dice: "dice",
  jensenshannon: "jensen_shannon",
  js: "jensen_shannon",
  chebychev: "chebyshev",
  linf: "chebyshev",
  l_inf: "chebyshev",
  l_infinity: "chebyshev",
  braycurtis: "bray_curtis",
};

const dtypeAliases: Readonly<Record<string, Dtype>> = {
  float32: "float32",
  f32: "float32",
  float: "float32",
  float16: "float16",
  f16: "float16",
  half: "float16",
  fp16: "float16",
};

export function vectorFieldOptions({
  dim,
  dimension,
  metric,
  index_mode,
  dtypes,
}: VectorFieldBody): VectorFieldOptions {
  const length = dim ?? dimension;
  if (length === undefined) {
    throw new LynseError("INVALID_ARGUMENT", "dim is missing from the body", { member: "dim" });
  }
  const options = { metric: metricOf(metric), index: index_mode, dtype: dtypeOf(dtypes) };
  return { dim: length, ...definedMembers(options) };
}

/** The dtype that a body names; undefined where it names none. */
export function dtypeOf(name: string | undefined): Dtype | undefined {
  if (name === undefined) return undefined;
  const key = name.trim().toLowerCase();
  const dtype = Object.hasOwn(dtypeAliases, key) ? dtypeAliases[key] : undefined;
  if (dtype !== undefined) return dtype;
  throw new LynseError(
    "INVALID_ARGUMENT",
    `dtypes must be float32 or float16, got ${JSON.stringify(name.slice(0, 40))}`,
    { member: "dtypes" },
  );
}

function metricOf(name: string | undefined): Metric | undefined {
  if (name === undefined) return undefined;
  const key = name.trim().toLowerCase().replaceAll("-", "_");
  // What is no alias goes on as it is: the client knows its own names, and refuses others.
  return Object.hasOwn(metricAliases, key) ? metricAliases[key] : (key as Metric);
}

export function vectorFieldEntry({ name, dim, metric, dtype, index, rows, indexState }: VectorFieldInfo): object {
  return {
    name,
    dimension: dim ?? 0,
    metric,
    index_mode: index ?? `FLAT-${metric.toUpperCase().replaceAll("_", "-")}`,
    dtypes: dtype,
    ...{ dim, dtype, index, rows },
    index_state: indexStateEntry(indexState),
  };
}

export function indexStateEntry({ state, parameters, rows, tailRows, progress, failure }: IndexState): object {
  return { state, parameters, rows, tail_rows: tailRows, progress, failure };
}
