/**
 * What of a graph is kept, and is what was kept a graph?
 *
 * Header, codes, lists, upper lists and chains; norms and levels follow from them. Numbers are little-endian, as the
 * kernel's memory is. Bytes read are trusted in nothing: what is no graph gives null.
 */
import { TimeSlice } from "../../time-slice.js";
import type { IndexSection } from "../vector-index.js";
import { type GraphOptions, RowGraph } from "./row-graph.js";

const version = 1;
/** Version, rows, components, space, m, seed, entry, rows left out, linked by inner product, scale; then the centre. */
const headerWords = 10;
/** Most bytes of a piece. */
const pieceBytes = 2 ** 28;
/** Bytes copied, and rows checked, in one go: a millisecond or two. */
const copiedBytes = 2 ** 21;
const checkedRows = 2_048;

/** Rows and what of them was left out. */
export interface GraphState {
  readonly rowCount: number;
  readonly leftOut: number;
}

interface Stretch {
  readonly name: string;
  readonly address: number;
  readonly bytes: number;
}

/** The stretches of memory that hold a graph's rows, slab by slab. */
function* stretches(graph: RowGraph, rowCount: number): Generator<Stretch> {
  const { kernel, address, slabRows, space, m } = graph;
  for (let from = 0; from < rowCount; from += slabRows) {
    const to = Math.min(rowCount, from + slabRows);
    const rows = to - from;
    yield { name: "codes", address: kernel.codesPlace(address, from) >>> 0, bytes: rows * space.rowBytes };
    yield { name: "lists", address: kernel.listsPlace(address, from) >>> 0, bytes: rows * 8 * m };
    yield { name: "chains", address: kernel.chainsPlace(address, from) >>> 0, bytes: rows * 4 };
    const upperBytes = kernel.upperBytes(address, from, to) >>> 0;
    yield { name: "uppers", address: kernel.upperPlace(address, from, to) >>> 0, bytes: upperBytes };
  }
}

/** A graph's sections: views of its memory. */
export function writeGraph(graph: RowGraph, seed: number, { rowCount, leftOut }: GraphState): IndexSection[] {
  const { kernel, address, memory, space, m } = graph;
  const centre = new Float32Array(memory.buffer, kernel.centrePlace(address) >>> 0, space.dim);
  const header = new ArrayBuffer(4 * (headerWords + space.dim));
  const words = [
    version,
    rowCount,
    space.dim,
    space.number,
    m,
    seed >>> 0,
    kernel.entryOf(address) >>> 0,
    leftOut,
    kernel.isByDot(address),
  ];
  new Uint32Array(header).set(words);
  const floats = new Float32Array(header);
  floats[words.length] = kernel.scaleOf(address);
  floats.set(centre, headerWords);
  const pieces = new Map<string, Uint8Array[]>([
    ["header", [new Uint8Array(header)]],
    ["codes", []],
    ["lists", []],
    ["chains", []],
    ["uppers", []],
  ]);
  for (const { name, address: place, bytes } of stretches(graph, rowCount)) {
    for (let start = 0; start < bytes; start += pieceBytes) {
      const piece = new Uint8Array(memory.buffer, place + start, Math.min(pieceBytes, bytes - start));
      pieces.get(name)?.push(piece);
    }
  }
  return Array.from(pieces, ([name, bytes]) => ({ name, bytes }));
}

/** The graph that `writeGraph` kept; null where the bytes are none, or one made with other options. */
export async function readGraph(
  sections: ReadonlyMap<string, Uint8Array>,
  options: GraphOptions,
): Promise<{ readonly graph: RowGraph; readonly state: GraphState } | null> {
  const { space, m, seed } = options;
  const header = sections.get("header");
  if (header?.byteLength !== 4 * (headerWords + space.dim)) return null;
  const copy = new Uint8Array(header).buffer;
  const words = new Uint32Array(copy);
  const [, rowCount = 0, , , , , entry = 0, leftOut = 0, isByDot = 0] = words;
  const expected = [version, rowCount, space.dim, space.number, m, seed >>> 0, entry, leftOut, isByDot];
  if (isByDot > 1 || expected.some((word, index) => words[index] !== word) || leftOut > rowCount) return null;
  const floats = new Float32Array(copy);
  const scale = floats[expected.length] as number;
  if (!(scale > 0 && floats.subarray(headerWords).every(Number.isFinite) && scale < Number.POSITIVE_INFINITY))
    return null;
  if (!hasBytesFor(sections, rowCount, options)) return null;

  const graph = new RowGraph(options);
  const { kernel, address, memory } = graph;
  const slice = new TimeSlice();
  for (let rows = 0; rows < rowCount; rows += graph.slabRows) {
    graph.reserve(Math.min(rowCount, rows + graph.slabRows));
    if (slice.isDue()) await slice.giveWay();
  }
  new Float32Array(memory.buffer, kernel.centrePlace(address) >>> 0, space.dim).set(floats.subarray(headerWords));
  kernel.setScale(address, scale);
  kernel.setEntry(address, entry);
  kernel.setByDot(address, isByDot);
  const isRead = (await copySections(graph, sections, rowCount, slice)) && (await isSound(graph, rowCount, slice));
  return isRead ? { graph, state: { rowCount, leftOut } } : null;
}

/** Copies what grows with the rows; false where its length is wrong. */
async function copySections(
  graph: RowGraph,
  sections: ReadonlyMap<string, Uint8Array>,
  rowCount: number,
  slice: TimeSlice,
): Promise<boolean> {
  const { memory } = graph;
  const used = new Map<string, number>();
  for (const { name, address: place, bytes } of stretches(graph, rowCount)) {
    const section = sections.get(name);
    const start = used.get(name) ?? 0;
    used.set(name, start + bytes);
    if (section === undefined || start + bytes > section.byteLength) return false;
    for (let done = 0; done < bytes; done += copiedBytes) {
      const part = section.subarray(start + done, start + Math.min(bytes, done + copiedBytes));
      new Uint8Array(memory.buffer, place + done, part.length).set(part);
      if (slice.isDue()) await slice.giveWay();
    }
  }
  for (const [name, bytes] of used) if (sections.get(name)?.byteLength !== bytes) return false;
  return true;
}

/** Derives norms; true where walks can trust the graph. */
async function isSound(graph: RowGraph, rowCount: number, slice: TimeSlice): Promise<boolean> {
  const { kernel, address, memory } = graph;
  const seen = memory.acquireScratch(Math.ceil(rowCount / 32) * 4);
  new Uint8Array(memory.buffer, seen.address, seen.bytes).fill(0);
  // Chains are seen from their first rows, so that the second check has to come after the first one of all rows.
  const checks: readonly ((from: number, to: number) => boolean)[] = [
    (from, to) => {
      kernel.deriveNorms(address, from, to);
      return kernel.checkRows(address, rowCount, seen.address, from, to) !== 0;
    },
    (from, to) => kernel.areChainsSound(address, seen.address, from, to) !== 0,
  ];
  try {
    for (const check of checks) {
      for (let from = 0; from < rowCount; from += checkedRows) {
        if (!check(from, Math.min(rowCount, from + checkedRows))) return false;
        if (slice.isDue()) await slice.giveWay();
      }
    }
  } finally {
    memory.releaseScratch(seen);
  }
  return true;
}

/** True where the sections that grow with the rows are as long as a header says: before memory is taken for them. */
function hasBytesFor(sections: ReadonlyMap<string, Uint8Array>, rowCount: number, { space, m }: GraphOptions): boolean {
  const expected: readonly (readonly [string, number])[] = [
    ["codes", rowCount * space.rowBytes],
    ["lists", rowCount * 8 * m],
    ["chains", rowCount * 4],
  ];
  return expected.every(([name, bytes]) => sections.get(name)?.byteLength === bytes) && sections.has("uppers");
}
