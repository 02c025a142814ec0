/**
 * How does the owner of an index get places of its own among those of the index?
 */
import { allocate, hasRoom } from "./allocate";

/** A place of `bytes`, a multiple of 4, with anything in it; 0 when room is wanted. */
export function takePlace(state: usize, bytes: u32): usize {
  return hasRoom(state, bytes) ? allocate(state, bytes) : 0;
}
