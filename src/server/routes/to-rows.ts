/**
 * How does a view become the rows of an answer?
 *
 * Three shapes: ranked items, columns, and LynseDB's lists of records and of `[vectors, ids, fields]`. Long ones are made
 * in slices. Scores that are not finite become null when the answer is written; what they are stands beside them.
 */
import type { ResultView } from "../../client/result-view.js";
import type { SearchOptions } from "../../client/search-options.js";
import { TimeSlice } from "../../time-slice.js";
import type { Id } from "../../types.js";
import { vectorsToBase64 } from "../../wire/vector-encoding.js";

/** Components that are encoded at once; a multiple of 3, so that texts of pieces can be put together. */
const pieceComponents = 3 * 16 * 1024;
/** Records between two looks at the clock. */
const recordsStep = 256;

/** What an answer holds beside ids and scores, where it was asked for. */
interface Extras {
  vectors_b64?: string;
  dim?: number;
  vectors_absent?: readonly number[];
  groups?: ResultView["groups"];
  facets?: ResultView["facets"];
  parts?: ResultView["parts"];
  highlights?: ResultView["highlights"];
  scores_not_finite?: readonly NotFinite[];
}

/** A score that JSON has no form for. */
interface NotFinite {
  readonly position: number;
  readonly value: "Infinity" | "-Infinity" | "NaN";
}

/** Rows of a ranked search. */
export async function itemsOf(view: ResultView, options: Pick<SearchOptions, "vectorField"> = {}): Promise<object> {
  const { k, ids, distances, fields, index, metric } = view;
  const items = { k, ids, scores: Array.from(distances), fields: fields ?? [], index, metric };
  const named = options.vectorField === undefined ? items : { ...items, vector_field: options.vectorField };
  return Object.assign(named, await extrasOf(view));
}

/** Rows of a search by range. */
export async function rangeOf(view: ResultView): Promise<object> {
  const { ids, distances, fields, index, metric } = view;
  const result = { ids, distances: Array.from(distances), fields: fields ?? [], index, metric };
  return Object.assign(result, await extrasOf(view));
}

async function extrasOf(view: ResultView): Promise<Extras> {
  const { vectors, groups, facets, parts, highlights, distances } = view;
  const extras: Extras = vectors === null ? {} : await vectorColumn(vectors);
  const odd = notFinite(distances);
  if (odd.length > 0) extras.scores_not_finite = odd;
  if (groups !== null) extras.groups = groups;
  if (facets !== null) extras.facets = facets;
  if (parts !== null) extras.parts = parts;
  if (highlights !== null) extras.highlights = highlights;
  return extras;
}

function notFinite(scores: Float32Array): NotFinite[] {
  const found: NotFinite[] = [];
  for (let position = 0; position < scores.length; position += 1) {
    const score = scores[position]!;
    if (!Number.isFinite(score)) found.push({ position, value: String(score) as NotFinite["value"] });
  }
  return found;
}

/** Rows without a rank, by column. */
export async function columnsOf(view: ResultView): Promise<object> {
  const { ids, fields, vectors, cursor, groups, facets, index, metric } = view;
  const columns = vectors === null ? {} : await vectorColumn(vectors);
  return { ids, fields, ...columns, cursor, groups, facets, index, metric };
}

/** Rows without a rank, as LynseDB gives them with their vectors. */
export async function tripleOf(view: ResultView): Promise<[number[][], readonly Id[], readonly object[]]> {
  const slice = new TimeSlice();
  const vectors: number[][] = [];
  for (const vector of view.vectors ?? []) {
    vectors.push(Array.from(vector));
    if (slice.isDue()) await slice.giveWay();
  }
  return [vectors, view.ids, view.fields ?? []];
}

/** Rows without a rank, as LynseDB gives them without vectors: metadata and the id, which wins over a field `id`. */
export async function recordsOf({ ids, fields }: ResultView): Promise<object[]> {
  const slice = new TimeSlice();
  const records: object[] = [];
  for (let row = 0; row < ids.length; row += 1) {
    records.push({ ...fields?.[row], id: ids[row]! });
    if (row % recordsStep === recordsStep - 1 && slice.isDue()) await slice.giveWay();
  }
  return records;
}

/** Vectors as base64; rows without one have zeros, and are named. */
async function vectorColumn(vectors: readonly Float32Array[]): Promise<Extras> {
  const dim = vectors.find((vector) => vector.length > 0)?.length ?? 0;
  const absent: number[] = [];
  const slice = new TimeSlice();
  const piece = new Float32Array(Math.min(pieceComponents, vectors.length * dim));
  let text = "";
  let filled = 0;
  for (let row = 0; row < vectors.length; row += 1) {
    const vector = vectors[row]!;
    if (vector.length === 0) absent.push(row);
    for (let from = 0; from < dim; ) {
      const taken = Math.min(dim - from, piece.length - filled);
      if (vector.length === 0) piece.fill(0, filled, filled + taken);
      else piece.set(vector.subarray(from, from + taken), filled);
      from += taken;
      filled += taken;
      if (filled < piece.length) continue;
      text += vectorsToBase64(piece);
      filled = 0;
      if (slice.isDue()) await slice.giveWay();
    }
  }
  text += vectorsToBase64(piece.subarray(0, filled));
  return { vectors_b64: text, dim, ...(absent.length === 0 ? {} : { vectors_absent: absent }) };
}
