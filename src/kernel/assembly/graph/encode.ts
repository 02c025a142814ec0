/**
 * Which code does a row get, and which rows have the same one?
 *
 * The code of x is round((x − centre) / scale) in int8; one scale for all rows, so that codes compare without a number
 * of the row's own. Under cosine rows are brought to length 1 first. In float spaces the code is the row itself.
 */
import {
  CHAIN_END,
  chainPlace,
  codeOf,
  COS,
  G_CENTRE,
  G_DIM,
  G_M,
  G_NORM_MAX,
  G_SCALE,
  G_SPACE,
  G_STRIDE,
  isFloatSpace,
  isNode,
  LEFT_OUT,
  levelOf,
  listOf,
  markChained,
  NO_NODE,
  NONE,
  normPlace,
} from "./layout";

/** What a row is multiplied with before it is coded. */
function lengthening(graph: usize, row: usize): f32 {
  if (load<i32>(graph, G_SPACE) != COS) return 1;
  const dim = <usize>load<u32>(graph, G_DIM);
  let square: f64 = 0;
  for (let i: usize = 0; i < dim; i++) {
    const x = <f64>load<f32>(row + (i << 2));
    square += x * x;
  }
  return square > 0 ? <f32>(1 / Math.sqrt(square)) : 0;
}

/** Codes `count` row-major float32 rows at `source` as the rows from `first` on. Their lists are empty at first. */
export function encodeRows(graph: usize, source: usize, first: u32, count: u32): void {
  const dim = <usize>load<u32>(graph, G_DIM);
  const stride = <usize>load<u32>(graph, G_STRIDE);
  const centre = <usize>load<u32>(graph, G_CENTRE);
  const steps: f32 = 1 / load<f32>(graph, G_SCALE);
  let normMax = load<i32>(graph, G_NORM_MAX);
  for (let row = first; row < first + count; row++) {
    const code = codeOf(graph, row);
    if (isFloatSpace(load<i32>(graph, G_SPACE))) {
      memory.copy(code, source, dim << 2);
      memory.fill(code + (dim << 2), 0, stride - (dim << 2));
      store<i32>(normPlace(graph, row), 0);
      clearLists(graph, row);
      source += dim << 2;
      continue;
    }
    const factor = lengthening(graph, source);
    let norm: i32 = 0;
    for (let i: usize = 0; i < dim; i++) {
      const exact = (load<f32>(source + (i << 2)) * factor - load<f32>(centre + (i << 2))) * steps;
      const step = <i32>max<f32>(-127, min<f32>(127, nearest<f32>(exact)));
      store<i8>(code + i, <i8>step);
      norm += step * step;
    }
    for (let i = dim; i < stride; i++) store<i8>(code + i, 0);
    store<i32>(normPlace(graph, row), norm);
    normMax = max(normMax, norm);
    clearLists(graph, row);
    source += dim << 2;
  }
  store<i32>(graph, normMax, G_NORM_MAX);
}

function clearLists(graph: usize, row: u32): void {
  const m = <usize>load<u32>(graph, G_M);
  memory.fill(listOf(graph, row, 0), 0xff, 8 * m);
  const level = levelOf(graph, row);
  if (level > 0) memory.fill(listOf(graph, row, 1), 0xff, 4 * m * level);
  store<u32>(chainPlace(graph, row), CHAIN_END);
}

/** Leaves a row out of the graph for good. */
export function leaveOut(graph: usize, row: u32): void {
  store<u32>(chainPlace(graph, row), LEFT_OUT);
}

function hashOf(code: usize, stride: usize): u32 {
  let hash: u64 = 0x9e3779b97f4a7c15;
  for (let i: usize = 0; i < stride; i += 8) {
    hash = (hash ^ load<u64>(code + i)) * 0xff51afd7ed558ccd;
    hash ^= hash >> 32;
  }
  return <u32>(hash ^ (hash >> 29));
}

function isSameCode(a: usize, b: usize, stride: usize): bool {
  for (let i: usize = 0; i < stride; i += 16) {
    if (v128.any_true(v128.xor(v128.load(a + i), v128.load(b + i)))) return false;
  }
  return true;
}

/**
 * Joins each of the rows [first, first + count) to the node with the same code, if there is one. `table` has `places`
 * u32 places, a power of two and more than there are nodes: 0, or a node's number + 1. Rows before `fresh` were looked at
 * when they came and only take their places. Returns how many were joined.
 */
export function joinEqualRows(graph: usize, table: usize, places: u32, fresh: u32, first: u32, count: u32): u32 {
  const stride = <usize>load<u32>(graph, G_STRIDE);
  let joined: u32 = 0;
  for (let row = first; row < first + count; row++) {
    if (!isNode(graph, row)) continue;
    const code = codeOf(graph, row);
    let place = hashOf(code, stride) & (places - 1);
    while (true) {
      const entry = load<u32>(table + (<usize>place << 2));
      if (entry == 0) {
        store<u32>(table + (<usize>place << 2), row + 1);
        break;
      }
      const node = entry - 1;
      if (node == row) break;
      if (isSameCode(code, codeOf(graph, node), stride)) {
        if (row < fresh) break;
        const chain = chainPlace(graph, node);
        store<u32>(chainPlace(graph, row), load<u32>(chain) | NO_NODE);
        atomic.store<u32>(chain, row);
        markChained(graph, node);
        joined++;
        break;
      }
      place = (place + 1) & (places - 1);
    }
  }
  return joined;
}
