/**
 * How do rows get into an index of posting lists?
 *
 * A build trains centroids and appends all rows to empty lists; an extension appends the later rows to the lists of the
 * same centroids. Nothing that was written changes, so a failure leaves bytes at the end of the file that nothing
 * names.
 */
import { KernelMemory } from "../../kernel/kernel-memory.js";
import type { DenseMetric } from "../../types.js";
import { BlockFile } from "../diskann/block-file.js";
import { noNode } from "../diskann/node-table.js";
import { liveRows, meanOfRows } from "../diskann/row-source.js";
import { trainCentroids } from "../ivf/k-means.js";
import type { BuildContext, IndexParameters, IndexRows } from "../vector-index.js";
import { chooseLists } from "./list-choice.js";
import { ListRuns } from "./list-runs.js";
import { type ListWork, writeLists } from "./list-writer.js";
import { codeFormat, vectorFormat } from "./node-formats.js";
import { listShape, placeCentroids, SpannState } from "./spann-state.js";

/** Rows of a list at least, where the number of lists is automatic. */
const listRowsMin = 8;

export interface SpannRequest {
  readonly metric: DenseMetric;
  readonly isCoded: boolean;
  readonly parameters: IndexParameters;
}

/** Lists for so many rows. */
function defaultLists(rows: number): number {
  return Math.max(1, Math.min(Math.round(4 * Math.sqrt(rows)), Math.floor(rows / listRowsMin)));
}

export async function buildSpann(request: SpannRequest, source: IndexRows, context: BuildContext): Promise<SpannState> {
  const { metric, isCoded, parameters } = request;
  const { dim } = source;
  const live = liveRows(context.dead, 0, source.rowCount);
  const asked = parameters["nClusters"] || defaultLists(live.length);
  const isEmpty = live.length === 0;
  const count = Math.min(asked, live.length);
  const centroids = isEmpty
    ? new Float32Array(0)
    : await trainCentroids(source, count, metric, parameters["seed"]!, context);
  const hasCentre = isCoded && metric !== "ip" && !isEmpty;
  const centre = hasCentre ? await meanOfRows(source, live, metric === "cos") : new Float32Array(dim);
  const shape = listShape(dim);
  const { memory, address } = placeCentroids(centroids, dim);
  const file = await BlockFile.create(context.folder, { kind: "lists", ...shape });
  try {
    const listCount = centroids.length / dim;
    const none = ListRuns.empty(listCount);
    const empty = new SpannState({
      metric,
      isCoded,
      shape,
      memory,
      centroids: address,
      listCount,
      centre,
      file,
      vectors: none,
      codes: isCoded ? none : null,
      places: new Uint32Array(0),
      leftOut: 0,
      fileBlocks: 0,
    });
    return await appendRows(empty, file, parameters["replicaCount"]!, source, context);
  } catch (error) {
    await file.remove();
    throw error;
  }
}

/** The centroids of a state, row-major. */
export function centroidsOf({ memory, centroids, listCount, shape }: SpannState): Float32Array {
  const padded = shape.vectorBytes / 4;
  const target = new Float32Array(listCount * shape.dim);
  const source = new Float32Array(memory.buffer, centroids, listCount * padded);
  for (let i = 0; i < listCount; i++) {
    target.set(source.subarray(i * padded, i * padded + shape.dim), i * shape.dim);
  }
  return target;
}

/** The state with the rows [state.rowCount, source.rowCount) too; blocks go to `file`, which is the state's own. */
export async function appendRows(
  state: SpannState,
  file: BlockFile,
  replicaCount: number,
  source: IndexRows,
  context: BuildContext,
): Promise<SpannState> {
  const { metric, shape, centre, isCoded, listCount } = state;
  const first = state.rowCount;
  const rows = liveRows(context.dead, first, source.rowCount);
  const options = { metric, replicaCount, from: first, to: source.rowCount };
  const all = await chooseLists(source, centroidsOf(state), options, context);
  context.onProgress(Math.floor(rows.length / 2), rows.length);
  const lists = new Uint32Array(rows.length * replicaCount);
  rows.forEach((row, i) => {
    const from = (row - first) * replicaCount;
    lists.set(all.subarray(from, from + replicaCount), i * replicaCount);
  });
  const memory = new KernelMemory();
  const work: Omit<ListWork, "used"> = {
    file,
    shape,
    source,
    rows,
    lists,
    width: replicaCount,
    listCount,
    memory,
    signal: context.signal,
  };
  // Where lists of codes tell which vectors to read, one vector of each row is enough.
  const used = isCoded ? 1 : replicaCount;
  const vectors = await writeLists({ ...work, used }, vectorFormat(shape), state.fileBlocks);
  let { fileBlocks } = vectors;
  let codes = state.codes;
  if (codes !== null) {
    const format = codeFormat(shape, metric, centre, memory);
    const written = await writeLists({ ...work, used: replicaCount }, format, fileBlocks);
    codes = codes.with(written.runs);
    fileBlocks = written.fileBlocks;
  }
  await file.sync();
  const places = new Uint32Array(source.rowCount).fill(noNode);
  places.set(state.places);
  rows.forEach((row, i) => void (places[row] = vectors.places[i]!));
  context.onProgress(rows.length, rows.length);
  const leftOut = state.leftOut + source.rowCount - first - rows.length;
  return new SpannState({
    ...state,
    file,
    vectors: state.vectors.with(vectors.runs),
    codes,
    places,
    leftOut,
    fileBlocks,
  });
}
