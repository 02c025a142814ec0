/**
 * Which nodes may a walk begin with?
 *
 * Leaders, and entries in the chain of the leader that is nearest to each, as `kernel/assembly/disk/entries.ts` reads
 * them. Entries are added at the heads of chains only, so that searches go on meanwhile; those added last are cut off
 * again when an extension fails. Tables that share a memory share the chains.
 */
import type { KernelMemory } from "../../kernel/kernel-memory.js";

const headerBytes = 64;

/** The leaders in ascending order, the other entries, and the number of the leader of each. */
export interface EntryLists {
  readonly leaders: Uint32Array;
  readonly nodes: Uint32Array;
  readonly owners: Uint32Array;
}

export class EntryChains {
  /** Address of the header, for the kernel. */
  readonly address: number;
  readonly #memory: KernelMemory;
  readonly #leaderCount: number;
  readonly #capacity: number;
  readonly #leaders: number;
  readonly #heads: number;
  readonly #nodes: number;
  readonly #nexts: number;
  readonly #owners: number;
  #count = 0;

  /** The chains of `lists` in `memory`, with room for `extra` more entries. */
  constructor(memory: KernelMemory, lists: EntryLists, extra: number) {
    const { leaders, nodes, owners } = lists;
    this.#memory = memory;
    this.#leaderCount = leaders.length;
    this.#capacity = nodes.length + extra;
    this.address = memory.allocate(headerBytes);
    this.#leaders = memory.allocate(4 * leaders.length);
    this.#heads = memory.allocate(4 * leaders.length);
    this.#nodes = memory.allocate(4 * this.#capacity);
    this.#nexts = memory.allocate(4 * this.#capacity);
    this.#owners = memory.allocate(4 * this.#capacity);
    const header = [leaders.length, this.#leaders, this.#heads, this.#nodes, this.#nexts];
    this.#words(this.address, header.length).set(header);
    this.#words(this.#leaders, leaders.length).set(leaders);
    this.add(nodes, owners);
  }

  hasRoomFor(entries: number): boolean {
    return this.#count + entries <= this.#capacity;
  }

  /** Adds entries to the chains of their leaders. */
  add(nodes: Uint32Array, owners: Uint32Array): void {
    const heads = this.#words(this.#heads, this.#leaderCount);
    const nexts = this.#words(this.#nexts, this.#capacity);
    this.#words(this.#nodes, this.#capacity).set(nodes, this.#count);
    this.#words(this.#owners, this.#capacity).set(owners, this.#count);
    for (const owner of owners) {
      nexts[this.#count] = heads[owner]!;
      heads[owner] = ++this.#count;
    }
  }

  /** Takes back the last entries from the first node on that is not below `nodeCount`. */
  cut(nodeCount: number): void {
    const heads = this.#words(this.#heads, this.#leaderCount);
    const nexts = this.#words(this.#nexts, this.#capacity);
    const { nodes, owners } = this.lists();
    while (this.#count > 0 && nodes[this.#count - 1]! >= nodeCount) {
      this.#count--;
      heads[owners[this.#count]!] = nexts[this.#count]!;
    }
  }

  lists(): EntryLists {
    return {
      leaders: this.#words(this.#leaders, this.#leaderCount),
      nodes: this.#words(this.#nodes, this.#count),
      owners: this.#words(this.#owners, this.#count),
    };
  }

  #words(address: number, count: number): Uint32Array {
    return new Uint32Array(this.#memory.buffer, address, count);
  }
}
