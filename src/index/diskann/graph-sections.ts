/**
 * Which bytes beside its file bring an index on disk back?
 *
 * A description as JSON, and the arrays of the table as they lie in memory. They name the file and how much of it they
 * stand for, so a file that is missing, shorter or another one is noticed.
 */
import type { IndexFolder, IndexSection } from "../vector-index.js";
import { BlockFile } from "./block-file.js";
import { blockShape } from "./block-shape.js";
import { DiskGraph } from "./disk-graph.js";
import { EntryChains, type EntryLists } from "./entry-chains.js";
import { codeStride, NodeTable, type TableShape } from "./node-table.js";

const formatVersion = 2;

interface Description {
  readonly version: number;
  readonly salt: number;
  readonly nodeCount: number;
  readonly rowCount: number;
  readonly leftOut: number;
  readonly fileBlocks: number;
  readonly squareMax: number;
  readonly subspaces: number;
}

/** The sections of a state. */
export function graphSections({ table, file, places, leftOut, fileBlocks }: DiskGraph): readonly IndexSection[] {
  const { nodeCount, rowCount, squareMax, shape } = table;
  const description: Description = {
    version: formatVersion,
    salt: file.salt,
    nodeCount,
    rowCount,
    leftOut,
    fileBlocks,
    squareMax,
    subspaces: shape.subspaces,
  };
  const { leaders, nodes, owners } = table.entries.lists();
  return [
    { name: "description", bytes: new TextEncoder().encode(JSON.stringify(description)) },
    { name: "codes", bytes: table.codes },
    { name: "scalars", bytes: bytesOf(table.scalars) },
    { name: "rows", bytes: bytesOf(table.rows) },
    { name: "places", bytes: bytesOf(places) },
    { name: "centre", bytes: bytesOf(table.centre) },
    { name: "book", bytes: bytesOf(table.book) },
    { name: "leaders", bytes: bytesOf(leaders) },
    { name: "entries", bytes: bytesOf(nodes) },
    { name: "owners", bytes: bytesOf(owners) },
  ];
}

/** The state that the sections describe; null where they, or the file, make no sense. */
export async function loadGraph(
  sections: ReadonlyMap<string, Uint8Array>,
  expected: TableShape,
  maxDegree: number,
  folder: IndexFolder,
): Promise<DiskGraph | null> {
  const description = parseDescription(sections.get("description"));
  if (description === null || description.subspaces !== expected.subspaces) return null;
  const { nodeCount, rowCount, fileBlocks, squareMax } = description;
  const shape = blockShape(expected.dim, maxDegree);
  const places = wordsOf(sections.get("places"), Math.ceil(nodeCount / shape.blockNodes));
  if (places === null || !places.every((place) => place < fileBlocks)) return null;
  const table = loadTable(sections, expected, nodeCount, rowCount);
  if (table === null) return null;
  table.squareMax = squareMax;
  const file = await BlockFile.open(folder, { kind: "graph", ...shape }, description.salt, fileBlocks);
  if (file === null) return null;
  return new DiskGraph({ shape, table, file, places, leftOut: description.leftOut, fileBlocks });
}

function loadTable(
  sections: ReadonlyMap<string, Uint8Array>,
  shape: TableShape,
  nodeCount: number,
  rowCount: number,
): NodeTable | null {
  // The bytes at hand bound what is allocated.
  const codes = sections.get("codes");
  const rows = sections.get("rows");
  if (codes?.length !== nodeCount * codeStride(shape) || rows?.length !== 4 * nodeCount) return null;
  const table = NodeTable.create(shape, nodeCount, rowCount);
  const isWhole =
    fill(table.codes, codes) &&
    fill(table.rows, rows) &&
    fill(table.scalars, sections.get("scalars")) &&
    fill(table.centre, sections.get("centre")) &&
    fill(table.book, sections.get("book"));
  const lists = isWhole && table.mapRows() ? loadEntries(sections, nodeCount) : null;
  if (lists === null) return null;
  table.setEntries(new EntryChains(table.memory, lists, lists.nodes.length >>> 3));
  return table;
}

function loadEntries(sections: ReadonlyMap<string, Uint8Array>, nodeCount: number): EntryLists | null {
  const leaders = wordsOf(sections.get("leaders"));
  const nodes = wordsOf(sections.get("entries"));
  const owners = wordsOf(sections.get("owners"), nodes?.length);
  if (leaders === null || nodes === null || owners === null) return null;
  const isSane =
    leaders.every((node, i) => node < nodeCount && (i === 0 || node > leaders[i - 1]!)) &&
    nodes.every((node) => node < nodeCount) &&
    owners.every((leader) => leader < leaders.length);
  return isSane ? { leaders, nodes, owners } : null;
}

function fill(target: Uint8Array | Uint32Array | Float32Array, bytes: Uint8Array | undefined): boolean {
  if (bytes?.length !== target.byteLength) return false;
  bytesOf(target).set(bytes);
  return true;
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint8Array | Uint32Array | Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function wordsOf(bytes: Uint8Array | undefined, length = (bytes?.length ?? 0) >>> 2): Uint32Array | null {
  if (bytes?.length !== 4 * length) return null;
  const words = new Uint32Array(length);
  bytesOf(words).set(bytes);
  return words;
}

function parseDescription(bytes: Uint8Array | undefined): Description | null {
  if (bytes === undefined) return null;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const found = value as Record<string, unknown>;
  const isCount = (name: string) => Number.isInteger(found[name]) && (found[name] as number) >= 0;
  const counts = ["salt", "nodeCount", "rowCount", "leftOut", "fileBlocks", "subspaces"];
  if (found["version"] !== formatVersion || !counts.every(isCount)) return null;
  const { nodeCount, rowCount, leftOut, squareMax } = found as unknown as Description;
  // The last bounds what is allocated for rows that were left out.
  const isBounded = rowCount <= 1024 * nodeCount + 2 ** 20 && rowCount < 2 ** 31;
  const isSane = nodeCount + leftOut === rowCount && isBounded && typeof squareMax === "number";
  return isSane ? (value as Description) : null;
}
