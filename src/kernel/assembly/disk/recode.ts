/**
 * How do codes of one kind become codes of the other?
 *
 * Through what they stand for: x − centre as float32. Graphs are built over SQ8; a table in half bytes or product codes
 * (Jégou et al., 2011) is made from it afterwards, and decoded again when nodes are added. Both have the same centre.
 */
import { encodeNode } from "./codes";
import { decodeHalves, encodeHalves } from "./half-codes";
import { PQ, SQ4, T_BOOK, T_CODES, T_DIM, T_KIND, T_SCALARS, T_STRIDE, T_WIDTH } from "./layout";

/** Writes what a node's code stands for, less the centre, to `target`: float32, zeros beyond the dimension. */
function decodeNode(table: usize, node: u32, target: usize): void {
  const dim = <usize>load<u32>(table, T_DIM);
  const stride = <usize>load<u32>(table, T_STRIDE);
  const code = <usize>load<u32>(table, T_CODES) + <usize>node * stride;
  if (load<i32>(table, T_KIND) == PQ) {
    const wordBytes = <usize>load<u32>(table, T_WIDTH) << 2;
    let book = <usize>load<u32>(table, T_BOOK);
    for (let part: usize = 0; part < stride; part++, book += wordBytes << 8, target += wordBytes) {
      memory.copy(target, book + <usize>load<u8>(code + part) * wordBytes, wordBytes);
    }
    return;
  }
  if (load<i32>(table, T_KIND) == SQ4) return decodeHalves(table, node, target);
  const scale = load<f32>(<usize>load<u32>(table, T_SCALARS) + (<usize>node << 3));
  for (let i: usize = 0; i < dim; i++) store<f32>(target + (i << 2), scale * <f32>load<i8>(code + i));
}

/** Codes a float32 vector, the centre subtracted, as `node` of a PQ table: the nearest word of each subspace. */
function encodeProducts(table: usize, node: u32, source: usize): void {
  const dim = <usize>load<u32>(table, T_DIM);
  const stride = <usize>load<u32>(table, T_STRIDE);
  const width = <usize>load<u32>(table, T_WIDTH);
  const code = <usize>load<u32>(table, T_CODES) + <usize>node * stride;
  let book = <usize>load<u32>(table, T_BOOK);
  for (let part: usize = 0; part < stride; part++) {
    const first = part * width;
    const count = min(width, dim - first);
    let best = 0;
    let least: f32 = Infinity;
    for (let word = 0; word < 256; word++, book += width << 2) {
      let sum: f32 = 0;
      for (let i: usize = 0; i < count; i++) {
        const rest = load<f32>(source + ((first + i) << 2)) - load<f32>(book + (i << 2));
        sum += rest * rest;
      }
      if (sum < least) {
        least = sum;
        best = word;
      }
    }
    store<u8>(code + part, <u8>best);
  }
}

/** Writes what the nodes of `list` stand for to `target`, `dim` float32 each; `place` has room for a padded one. */
export function decodeNodes(table: usize, list: usize, count: u32, target: usize, place: usize): void {
  const bytes = <usize>load<u32>(table, T_DIM) << 2;
  for (let i: u32 = 0; i < count; i++, target += bytes) {
    decodeNode(table, load<u32>(list + (<usize>i << 2)), place);
    memory.copy(target, place, bytes);
  }
}

/**
 * Codes nodes `from` to `to` of `target` as the nodes of `source` that stand in `order`; as the same nodes where it is
 * 0. `place` has room for a padded vector.
 */
export function recodeNodes(source: usize, target: usize, order: usize, from: u32, to: u32, place: usize): void {
  const kind = load<i32>(target, T_KIND);
  for (let node = from; node < to; node++) {
    decodeNode(source, order ? load<u32>(order + (<usize>node << 2)) : node, place);
    if (kind == PQ) encodeProducts(target, node, place);
    else if (kind == SQ4) encodeHalves(target, node, place);
    else encodeNode(target, node, place, 1, true);
  }
}
