/**
 * Which of many candidates become a node's neighbours?
 *
 * RobustPrune of DiskANN (Subramanya et al., NeurIPS 2019): nearest first, a candidate is left out when a chosen
 * neighbour is nearer to it, by the factor alpha, than the node is. Places that are left go to the nearest of those
 * left out: nodes have room for a fixed number on disk, and rows that are equal would otherwise hide each other.
 */
import { nodeDistance } from "./codes";

/** u32 address and number of the candidates, f32 distance and u32 node each, nearest first; and room for them. */
export const P_POOL: usize = 0;
export const P_COUNT: usize = 4;
export const P_CAPACITY: usize = 8;
/** u32 address and number of the chosen nodes. */
export const P_CHOSEN: usize = 12;
export const P_CHOSEN_COUNT: usize = 16;
/** f32 squares of the alphas of the rounds' end. */
export const P_ALPHA: usize = 20;
/** u32 neighbours at most. */
export const P_DEGREE: usize = 24;
/** u32 neighbours that the nearest of the hidden candidates fill up to. */
export const P_FILL: usize = 28;
export const PRUNER_BYTES: usize = 32;

/** Adds a candidate unless it is there; the farthest one leaves a full pool. */
export function addCandidate(pruner: usize, distance: f32, node: u32): void {
  const pool = <usize>load<u32>(pruner, P_POOL);
  let count = load<u32>(pruner, P_COUNT);
  for (let i: u32 = 0; i < count; i++) if (load<u32>(pool + (<usize>i << 3), 4) == node) return;
  if (count < load<u32>(pruner, P_CAPACITY)) store<u32>(pruner, ++count, P_COUNT);
  else if (!(distance < load<f32>(pool + (<usize>(count - 1) << 3)))) return;
  let place = count - 1;
  for (; place > 0; place--) {
    const before = pool + (<usize>(place - 1) << 3);
    if (load<f32>(before) <= distance) break;
    store<u64>(before, load<u64>(before), 8);
  }
  store<f32>(pool + (<usize>place << 3), distance);
  store<u32>(pool + (<usize>place << 3), node, 4);
}

/** True when a chosen node hides a candidate that is `distance` away. */
// @ts-ignore: decorator
@inline
function isHidden(table: usize, pruner: usize, chosenCount: u32, distance: f32, node: u32, alpha: f32): bool {
  const chosen = <usize>load<u32>(pruner, P_CHOSEN);
  const limit = distance / alpha;
  for (let i: u32 = 0; i < chosenCount; i++) {
    if (nodeDistance(table, load<u32>(chosen + (<usize>i << 2)), node) <= limit) return true;
  }
  return false;
}

/** Chooses neighbours among the candidates. */
export function prune(table: usize, pruner: usize): void {
  const pool = <usize>load<u32>(pruner, P_POOL);
  const chosen = <usize>load<u32>(pruner, P_CHOSEN);
  const count = load<u32>(pruner, P_COUNT);
  const degree = load<u32>(pruner, P_DEGREE);
  const alpha = load<f32>(pruner, P_ALPHA);
  let kept: u32 = 0;
  for (let i: u32 = 0; i < count && kept < degree; i++) {
    const entry = pool + (<usize>i << 3);
    const node = load<u32>(entry, 4);
    if (isHidden(table, pruner, kept, load<f32>(entry), node, alpha)) continue;
    store<u32>(chosen + (<usize>kept << 2), node);
    kept += 1;
  }
  const diverse = kept;
  const fill = min(degree, load<u32>(pruner, P_FILL));
  for (let i: u32 = 0; i < count && kept < fill; i++) {
    const node = load<u32>(pool + (<usize>i << 3), 4);
    let isChosen = false;
    for (let j: u32 = 0; j < diverse && !isChosen; j++) isChosen = load<u32>(chosen + (<usize>j << 2)) == node;
    if (isChosen) continue;
    store<u32>(chosen + (<usize>kept << 2), node);
    kept += 1;
  }
  store<u32>(pruner, kept, P_CHOSEN_COUNT);
}
