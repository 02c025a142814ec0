/**
 * Which bytes beside its file bring an index of posting lists back?
 *
 * A description as JSON, centroids, where the lists lie, and where the vector of each row lies.
 */
import type { DenseMetric } from "../../types.js";
import { BlockFile } from "../diskann/block-file.js";
import { noNode } from "../diskann/node-table.js";
import type { IndexFolder, IndexSection } from "../vector-index.js";
import { ListRuns } from "./list-runs.js";
import { centroidsOf } from "./spann-builder.js";
import { listShape, placeCentroids, SpannState } from "./spann-state.js";

const formatVersion = 1;

interface Description {
  readonly version: number;
  readonly salt: number;
  readonly rowCount: number;
  readonly leftOut: number;
  readonly listCount: number;
  readonly fileBlocks: number;
}

/** The sections of a state. */
export function spannSections(state: SpannState): readonly IndexSection[] {
  const { file, rowCount, leftOut, listCount, fileBlocks, vectors, codes } = state;
  const description: Description = {
    version: formatVersion,
    salt: file.salt,
    rowCount,
    leftOut,
    listCount,
    fileBlocks,
  };
  return [
    { name: "description", bytes: new TextEncoder().encode(JSON.stringify(description)) },
    { name: "centroids", bytes: bytesOf(centroidsOf(state)) },
    { name: "centre", bytes: bytesOf(state.centre) },
    { name: "places", bytes: bytesOf(state.places) },
    { name: "vectors", bytes: bytesOf(vectors.toWords()) },
    { name: "codes", bytes: bytesOf(codes === null ? new Uint32Array(0) : codes.toWords()) },
  ];
}

/** The state that the sections describe; null where they, or the file, make no sense. */
export async function loadSpann(
  sections: ReadonlyMap<string, Uint8Array>,
  metric: DenseMetric,
  isCoded: boolean,
  dim: number,
  folder: IndexFolder,
): Promise<SpannState | null> {
  const description = parseDescription(sections.get("description"));
  if (description === null) return null;
  const { salt, rowCount, leftOut, listCount, fileBlocks } = description;
  const centroids = copyOf(sections.get("centroids"), 4 * dim * listCount);
  const centre = copyOf(sections.get("centre"), 4 * dim);
  const placeBytes = copyOf(sections.get("places"), 4 * rowCount);
  if (centroids === null || centre === null || placeBytes === null) return null;
  const vectors = runsOf(sections.get("vectors"), listCount, fileBlocks);
  const codes = runsOf(sections.get("codes"), listCount, fileBlocks);
  if (vectors === null || codes === null) return null;
  const shape = listShape(dim);
  const places = new Uint32Array(placeBytes);
  const absent = places.reduce((sum, place) => sum + (place === noNode ? 1 : 0), 0);
  const isInFile = (place: number) => place === noNode || place < fileBlocks * shape.blockNodes;
  if (absent !== leftOut || !places.every(isInFile)) return null;
  const file = await BlockFile.open(folder, { kind: "lists", ...shape }, salt, fileBlocks);
  if (file === null) return null;
  const { memory, address } = placeCentroids(new Float32Array(centroids), dim);
  return new SpannState({
    metric,
    isCoded,
    shape,
    memory,
    centroids: address,
    listCount,
    centre: new Float32Array(centre),
    file,
    vectors,
    codes: isCoded ? codes : null,
    places,
    leftOut,
    fileBlocks,
  });
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint32Array | Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** A copy of exactly so many bytes. */
function copyOf(bytes: Uint8Array | undefined, length: number): ArrayBuffer | null {
  return bytes?.length === length ? new Uint8Array(bytes).buffer : null;
}

function runsOf(bytes: Uint8Array | undefined, listCount: number, fileBlocks: number): ListRuns | null {
  if (bytes === undefined || bytes.length % 4 !== 0) return null;
  return ListRuns.fromWords(new Uint32Array(new Uint8Array(bytes).buffer), listCount, fileBlocks);
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
  const isCount = (name: string) => Number.isSafeInteger(found[name]) && (found[name] as number) >= 0;
  const counts = ["salt", "rowCount", "leftOut", "listCount", "fileBlocks"];
  return found["version"] === formatVersion && counts.every(isCount) ? (value as Description) : null;
}
