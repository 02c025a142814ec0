/**
 * Which parameters does a body give an index?
 *
 * In `params`, by LynseDB's names and ours; `n_clusters` may also stand beside it, as older clients send it with every
 * build, so that it only counts for indexes that have clusters.
 */
import type { BuildIndexOptions } from "../../client/collection.js";
import { LynseError } from "../../errors.js";
import { parseIndexName } from "../../index/index-name.js";
import { indexParametersOf } from "../../index/index-parameters.js";

export interface IndexBody {
  readonly index_mode?: string;
  readonly n_clusters?: number;
  readonly params?: Record<string, unknown>;
}

/** Options of the client by their names in bodies. */
const parameterNames = {
  m: "m",
  ef_construction: "efConstruction",
  ef_search: "efSearch",
  n_clusters: "nClusters",
  n_centroids: "nClusters",
  nprobe: "nprobe",
  replica_count: "replicaCount",
  max_degree: "maxDegree",
  r: "maxDegree",
  search_list_size: "searchListSize",
  l: "searchListSize",
  alpha: "alpha",
  beam_width: "beamWidth",
  oversample: "oversample",
  threads: "threads",
  seed: "seed",
} as const satisfies Readonly<Record<string, keyof BuildIndexOptions>>;

export function indexOptions({
  index_mode,
  n_clusters,
  params,
}: IndexBody & { index_mode: string }): BuildIndexOptions {
  const options: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(params ?? {})) {
    if (value === null) continue;
    options[parameterName(name)] = value;
  }
  if (n_clusters !== undefined && options["nClusters"] === undefined && hasClusters(index_mode)) {
    options["nClusters"] = n_clusters;
  }
  return options;
}

function parameterName(name: string): string {
  if (Object.hasOwn(parameterNames, name)) return parameterNames[name as keyof typeof parameterNames];
  const names = Object.keys(parameterNames).join(", ");
  throw new LynseError(
    "INVALID_ARGUMENT",
    `unknown index build parameter ${JSON.stringify(name.slice(0, 40))}; there are ${names}`,
    { parameter: name.slice(0, 40) },
  );
}

function hasClusters(mode: string): boolean {
  return indexParametersOf(parseIndexName(mode)).some(({ name }) => name === "nClusters");
}
