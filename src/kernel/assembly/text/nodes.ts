/**
 * Which field does a key lead to?
 *
 * A field is a node: its parent and its key, as the bytes between the quotes in canonical JSON. Node 0 is the row
 * itself. Under an indexed node every key is a field; under any other only the nodes that are there already.
 */
import { allocate, hasRoom, release } from "./allocate";
import {
  N_FLAGS,
  N_KEY,
  N_KEY_LENGTH,
  N_PARENT,
  N_ROW_LENGTH,
  NODE_BYTES,
  NODE_SKIPPED,
  S_NODE_CAPACITY,
  S_NODE_COUNT,
  S_NODE_SLOTS,
  S_NODES,
  S_ROW_FIELDS,
} from "./layout";
import { equalBytes, hashOf } from "./records";

const FIRST_CAPACITY: u32 = 16;

// @ts-ignore: decorator
@inline
export function nodeAt(state: usize, node: u32): usize {
  return <usize>load<u32>(state, S_NODES) + <usize>node * NODE_BYTES;
}

// @ts-ignore: decorator
@inline
function hashKey(parent: u32, key: usize, length: u32): u32 {
  return hashOf(key, length) ^ (parent * 0x9e37_79b1);
}

/** The node of a key under `parent`, or `NODE_SKIPPED`. */
export function findNode(state: usize, parent: u32, key: usize, length: u32): u32 {
  const mask = (load<u32>(state, S_NODE_CAPACITY) << 1) - 1;
  const slots = <usize>load<u32>(state, S_NODE_SLOTS);
  let slot = hashKey(parent, key, length) & mask;
  while (true) {
    const word = load<u32>(slots + (<usize>slot << 2));
    if (word == 0) return NODE_SKIPPED;
    const at = nodeAt(state, word - 1);
    if (load<u32>(at, N_PARENT) == parent && load<u32>(at, N_KEY_LENGTH) == length) {
      if (word > 1 && equalBytes(<usize>load<u32>(at, N_KEY), key, length)) return word - 1;
    }
    slot = (slot + 1) & mask;
  }
}

function putNode(state: usize, node: u32): void {
  const mask = (load<u32>(state, S_NODE_CAPACITY) << 1) - 1;
  const slots = <usize>load<u32>(state, S_NODE_SLOTS);
  const at = nodeAt(state, node);
  const hash = hashKey(load<u32>(at, N_PARENT), <usize>load<u32>(at, N_KEY), load<u32>(at, N_KEY_LENGTH));
  let slot = hash & mask;
  while (load<u32>(slots + (<usize>slot << 2)) != 0) slot = (slot + 1) & mask;
  store<u32>(slots + (<usize>slot << 2), node + 1);
}

function growNodes(state: usize): void {
  const capacity = load<u32>(state, S_NODE_CAPACITY);
  const count = load<u32>(state, S_NODE_COUNT);
  const larger = capacity == 0 ? FIRST_CAPACITY : capacity << 1;
  const table = allocate(state, larger * <u32>NODE_BYTES);
  const slots = allocate(state, larger << 3);
  const fields = allocate(state, larger << 2);
  memory.fill(slots, 0, <usize>larger << 3);
  if (capacity > 0) {
    const old = <usize>load<u32>(state, S_NODES);
    memory.copy(table, old, <usize>count * NODE_BYTES);
    memory.copy(fields, <usize>load<u32>(state, S_ROW_FIELDS), <usize>capacity << 2);
    release(state, old, capacity * <u32>NODE_BYTES);
    release(state, <usize>load<u32>(state, S_NODE_SLOTS), capacity << 3);
    release(state, <usize>load<u32>(state, S_ROW_FIELDS), capacity << 2);
  }
  store<u32>(state, <u32>table, S_NODES);
  store<u32>(state, <u32>slots, S_NODE_SLOTS);
  store<u32>(state, <u32>fields, S_ROW_FIELDS);
  store<u32>(state, larger, S_NODE_CAPACITY);
  for (let node: u32 = 0; node < count; node += 1) putNode(state, node);
}

/** Adds a node and returns its number, -1 when room is wanted. The key is copied. */
export function addNode(state: usize, parent: u32, key: usize, length: u32, flags: u32): i32 {
  const node = load<u32>(state, S_NODE_COUNT);
  const capacity = load<u32>(state, S_NODE_CAPACITY);
  if (!hasRoom(state, length + 64 + (capacity + FIRST_CAPACITY) * 80)) return -1;
  if (node == capacity) growNodes(state);
  const copy = allocate(state, (length + 4) & ~3);
  memory.copy(copy, key, <usize>length);
  const at = nodeAt(state, node);
  store<u32>(at, parent, N_PARENT);
  store<u32>(at, flags, N_FLAGS);
  store<u32>(at, 0, N_ROW_LENGTH);
  store<u32>(at, <u32>copy, N_KEY);
  store<u32>(at, length, N_KEY_LENGTH);
  store<u32>(state, node + 1, S_NODE_COUNT);
  putNode(state, node);
  return <i32>node;
}
