/**
 * Which codes stand for the nodes of an index, and which rows are they?
 *
 * Everything that a search needs in memory: a code a node, the row of each node and the node of each row. A table grows
 * by a copy that shares the memory where there is room; searches keep the table that they began with.
 */
import { assert } from "../../errors.js";
import { KernelMemory } from "../../kernel/kernel-memory.js";
import { metricNumbers } from "../../kernel/kernel-module.js";
import { TimeSlice } from "../../time-slice.js";
import type { DenseMetric } from "../../types.js";
import { copyGivingWay } from "./copy-giving-way.js";
import { type DiskKernel, instantiateDiskKernel } from "./disk-kernel.js";
import { EntryChains } from "./entry-chains.js";

/** The row was left out, as in the kernel. */
export const noNode = 0xffffffff;
/** How nodes are coded, as in the kernel. */
const codeKinds = { sq8: 0, pq: 1, sq4: 2 } as const;
type CodeKind = keyof typeof codeKinds;

const tableBytes = 64;
/** Where the kernel's table header names the entries. */
const entriesField = 15;

export interface TableShape {
  readonly dim: number;
  readonly metric: DenseMetric;
  readonly kind: CodeKind;
  /** Subspaces of `pq`, 0 for others. */
  readonly subspaces: number;
}

/** Bytes of a node's code. */
export function codeStride({ dim, kind, subspaces }: TableShape): number {
  if (kind === "pq") return subspaces;
  return Math.ceil(dim / (kind === "sq4" ? 32 : 16)) * 16;
}

/** Components of a subspace of `pq`. */
export function subspaceWidth({ dim, subspaces }: TableShape): number {
  return subspaces === 0 ? 0 : Math.ceil(dim / subspaces);
}

interface Places {
  readonly codes: number;
  readonly scalars: number;
  readonly rows: number;
  readonly nodes: number;
  readonly centre: number;
  readonly book: number;
}

export class NodeTable {
  readonly memory: KernelMemory;
  readonly kernel: DiskKernel;
  readonly shape: TableShape;
  /** Address of the header, for the kernel. */
  readonly address: number;
  readonly nodeCount: number;
  /** Rows in the map of rows, those left out too. */
  readonly rowCount: number;
  readonly #capacity: number;
  readonly #rowCapacity: number;
  readonly #places: Places;
  #entries: EntryChains | null = null;

  private constructor(memory: KernelMemory, shape: TableShape, counts: Counts, places: Places) {
    this.memory = memory;
    this.kernel = instantiateDiskKernel(memory.memory);
    this.shape = shape;
    this.nodeCount = counts.nodeCount;
    this.rowCount = counts.rowCount;
    this.#capacity = counts.nodeCapacity;
    this.#rowCapacity = counts.rowCapacity;
    this.#places = places;
    this.address = memory.allocate(tableBytes);
    const header = new Uint32Array(memory.buffer, this.address, tableBytes / 4);
    header[0] = codeKinds[shape.kind];
    header[1] = shape.dim;
    header[2] = codeStride(shape);
    header[3] = places.codes;
    header[4] = places.scalars;
    header[5] = places.centre;
    header[7] = places.book;
    header[8] = subspaceWidth(shape);
    header[11] = counts.nodeCount;
    header[12] = metricNumbers[shape.metric];
    header[13] = places.rows;
    header[14] = places.nodes;
  }

  /** A table of nodes without codes. */
  static create(
    shape: TableShape,
    nodeCount: number,
    rowCount: number,
    memory: KernelMemory = new KernelMemory(),
  ): NodeTable {
    const counts = { nodeCount, rowCount, nodeCapacity: nodeCount, rowCapacity: rowCount };
    return new NodeTable(memory, shape, counts, placesIn(memory, shape, counts));
  }

  /** Address of a header of a table that has a number of nodes and a centre only. */
  static header(shape: TableShape, memory: KernelMemory, nodeCount: number, centre: Float32Array): number {
    const counts = { nodeCount: 0, rowCount: 0, nodeCapacity: 0, rowCapacity: 0 };
    const table = new NodeTable(memory, shape, counts, placesIn(memory, shape, counts));
    table.centre.set(centre);
    new Uint32Array(memory.buffer, table.address, tableBytes / 4)[11] = nodeCount;
    return table.address;
  }

  /**
   * The same codes and maps with room for more nodes and rows; the new ones are to be filled in. Shares the memory when
   * there is room, else takes another with an eighth to spare.
   */
  grown(nodeCount: number, rowCount: number): NodeTable {
    assert(nodeCount >= this.nodeCount && rowCount >= this.rowCount, "a table only grows");
    const { shape } = this;
    const added = nodeCount - this.nodeCount;
    const isRoom = nodeCount <= this.#capacity && rowCount <= this.#rowCapacity && this.entries.hasRoomFor(added);
    if (isRoom) {
      const counts = { nodeCount, rowCount, nodeCapacity: this.#capacity, rowCapacity: this.#rowCapacity };
      const next = new NodeTable(this.memory, shape, counts, this.#places);
      next.squareMax = this.squareMax;
      next.setEntries(this.entries);
      return next;
    }
    const spare = (count: number) => Math.ceil(count * 1.125);
    const counts = { nodeCount, rowCount, nodeCapacity: spare(nodeCount), rowCapacity: spare(rowCount) };
    const memory = new KernelMemory();
    const next = new NodeTable(memory, shape, counts, placesIn(memory, shape, counts));
    next.codes.set(this.codes);
    next.scalars.set(this.scalars);
    next.rows.set(this.rows);
    next.nodes.set(this.nodes);
    next.centre.set(this.centre);
    next.book.set(this.book);
    next.squareMax = this.squareMax;
    const lists = this.entries.lists();
    next.setEntries(new EntryChains(memory, lists, added + (lists.nodes.length >>> 3)));
    return next;
  }

  /** What walks begin with; every node may become an entry while a table grows. */
  get entries(): EntryChains {
    assert(this.#entries !== null, "a table that is walked over has entries");
    return this.#entries;
  }

  setEntries(entries: EntryChains): void {
    this.#entries = entries;
    new Uint32Array(this.memory.buffer, this.address, tableBytes / 4)[entriesField] = entries.address;
  }

  /** The codes, without the maps of rows, in another memory. */
  async copyTo(memory: KernelMemory): Promise<NodeTable> {
    const copy = NodeTable.create(this.shape, this.nodeCount, 0, memory);
    await copyGivingWay(copy.codes, this.codes, new TimeSlice());
    copy.scalars.set(this.scalars);
    copy.centre.set(this.centre);
    copy.book.set(this.book);
    copy.squareMax = this.squareMax;
    return copy;
  }

  /** Square of the largest norm of the vectors that a graph for inner products is made over; 0 for other metrics. */
  get squareMax(): number {
    return new Float32Array(this.memory.buffer, this.address, tableBytes / 4)[6]!;
  }

  set squareMax(square: number) {
    new Float32Array(this.memory.buffer, this.address, tableBytes / 4)[6] = square;
  }

  get codes(): Uint8Array {
    return new Uint8Array(this.memory.buffer, this.#places.codes, this.nodeCount * codeStride(this.shape));
  }

  /** Scale and squared norm for each node's code; empty for `pq`. */
  get scalars(): Float32Array {
    const length = this.shape.kind === "pq" ? 0 : 2 * this.nodeCount;
    return new Float32Array(this.memory.buffer, this.#places.scalars, length);
  }

  /** The row of each node. */
  get rows(): Uint32Array {
    return new Uint32Array(this.memory.buffer, this.#places.rows, this.nodeCount);
  }

  /** The node of each row, `noNode` where it was left out. */
  get nodes(): Uint32Array {
    return new Uint32Array(this.memory.buffer, this.#places.nodes, this.rowCount);
  }

  get centre(): Float32Array {
    return new Float32Array(this.memory.buffer, this.#places.centre, this.shape.dim);
  }

  /** The code book of `pq`: 256 parts a subspace. */
  get book(): Float32Array {
    return new Float32Array(this.memory.buffer, this.#places.book, bookLength(this.shape));
  }

  /** Fills the map of rows from the row of each node; false where that is no map. */
  mapRows(): boolean {
    const { rows, nodes, rowCount } = this;
    nodes.fill(noNode);
    for (let node = 0; node < rows.length; node++) {
      const row = rows[node]!;
      if (row >= rowCount || nodes[row] !== noNode) return false;
      nodes[row] = node;
    }
    return true;
  }
}

interface Counts {
  readonly nodeCount: number;
  readonly rowCount: number;
  readonly nodeCapacity: number;
  readonly rowCapacity: number;
}

function bookLength(shape: TableShape): number {
  return shape.kind === "pq" ? shape.subspaces * 256 * subspaceWidth(shape) : 0;
}

function placesIn(memory: KernelMemory, shape: TableShape, counts: Counts): Places {
  const { nodeCapacity, rowCapacity } = counts;
  return {
    centre: memory.allocate(Math.ceil(shape.dim / 4) * 16),
    book: memory.allocate(4 * bookLength(shape)),
    codes: memory.allocate(nodeCapacity * codeStride(shape)),
    scalars: memory.allocate(shape.kind === "pq" ? 0 : 8 * nodeCapacity),
    rows: memory.allocate(4 * nodeCapacity),
    nodes: memory.allocate(4 * rowCapacity),
  };
}
