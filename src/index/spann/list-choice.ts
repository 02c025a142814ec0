/**
 * Which lists does a row stand in?
 *
 * In the list of its nearest centroid, and for searches that come from the other side of a border in those of other
 * centroids that are hardly farther, but for those that a chosen one is nearer to than the row is (the closure and the
 * rule of relative neighbourhood graphs in SPANN, Chen et al., NeurIPS 2021).
 */
import type { DenseMetric } from "../../types.js";
import { assignRows } from "../ivf/k-means.js";
import type { BuildContext, IndexRows } from "../vector-index.js";

/** How much farther than the nearest another centroid may be: 1.35 times, as squares. */
const boundary = 1.35 * 1.35;
/** Centroids that are looked at for each list that a row may stand in. */
const looksPerReplica = 2;
/** No list. */
export const noList = 0xffffffff;

export interface ChoiceOptions {
  readonly metric: DenseMetric;
  readonly replicaCount: number;
  /** Rows [from, to). */
  readonly from: number;
  readonly to: number;
}

/** `replicaCount` lists for each row of [from, to), `noList` where there are fewer; the nearest first. */
export async function chooseLists(
  rows: IndexRows,
  centroids: Float32Array,
  options: ChoiceOptions,
  context: Pick<BuildContext, "pool" | "signal">,
): Promise<Uint32Array> {
  const { dim } = rows;
  const { metric, replicaCount, from, to } = options;
  const lists = new Uint32Array((to - from) * replicaCount).fill(noList);
  const count = centroids.length / dim;
  const looks = Math.min(count, replicaCount === 1 ? 1 : looksPerReplica * replicaCount);
  await assignRows(rows, centroids, metric, { nearest: looks, from, to }, context, (assignment) => {
    const { firstRow, rowCount, clusters, distances } = assignment;
    for (let i = 0; i < rowCount; i++) {
      const target = (firstRow + i - from) * replicaCount;
      let chosen = 0;
      for (let at = i * looks; at < (i + 1) * looks && chosen < replicaCount; at++) {
        const distance = distances[at]!;
        if (distance > boundary * distances[i * looks]!) break;
        // Vectors far out of the range of float32 have no nearest centroid.
        const list = clusters[at]! < count ? clusters[at]! : 0;
        if (isHidden(centroids, dim, lists, target, target + chosen, list, distance)) continue;
        lists[target + chosen++] = list;
      }
    }
  });
  return lists;
}

/** True when one of the chosen lists' centroids is nearer to the centroid of `list` than the row is. */
function isHidden(
  centroids: Float32Array,
  dim: number,
  chosen: Uint32Array,
  from: number,
  to: number,
  list: number,
  distance: number,
): boolean {
  for (let at = from; at < to; at++) {
    const other = chosen[at]! * dim;
    let square = 0;
    for (let i = 0; i < dim && square <= distance; i++) {
      const rest = centroids[list * dim + i]! - centroids[other + i]!;
      square += rest * rest;
    }
    if (square <= distance) return true;
  }
  return false;
}
