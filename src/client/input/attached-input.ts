/**
 * Which vectors and texts are to hang on rows beside their own vectors?
 *
 * Checks vectors of named fields, sparse vectors and documents as callers give them, before anything is staged.
 */
import type { AttachedField } from "../../engine/attached-vectors.js";
import { fieldDefinition, fieldDefinitions, primaryFieldName } from "../../engine/field-definition.js";
import { describe, matrixComponents, matrixRows, matrixShape } from "../../engine/vector-input.js";
import { LynseError } from "../../errors.js";
import { checkMetricVector } from "../../index/metric/metric-contract.js";
import { type CheckedSparse, checkSparse } from "../../sparse/sparse-vector.js";
import type { CollectionConfig } from "../../storage/manifest.js";
import type { Id, Metric } from "../../types.js";

/** A named field that vectors can be hung into. */
export interface NamedFieldInput extends AttachedField {
  readonly name: string;
  readonly metric: Metric;
}

/** The field called `name`; `INVALID_ARGUMENT` where there is none, or where it is the one that rows are added with. */
export function namedField(config: CollectionConfig, name: string): NamedFieldInput {
  const { dim, dtype, metric } = fieldDefinition(config, name);
  if (name === primaryFieldName || dim === null) {
    const message = `vectors of the field ${JSON.stringify(primaryFieldName)} come with their rows; use add or upsert`;
    throw new LynseError("INVALID_ARGUMENT", message, { field: name });
  }
  const number = fieldDefinitions(config).findIndex((field) => field.name === name) - 1;
  return { name, number, dim, dtype, metric };
}

/** One vector an id, row-major, checked. */
export function namedRows(field: NamedFieldInput, vectors: unknown, ids: readonly Id[]): Float32Array {
  const { name, dim, dtype, metric } = field;
  const components = matrixComponents(vectors, metric, dim);
  const { count } = matrixShape(components, "vectors");
  if (count !== ids.length) {
    throw new LynseError("INVALID_ARGUMENT", `${ids.length} ids were given for ${count} vectors; give one each`);
  }
  const label = (row: number): string =>
    `the vector of id ${JSON.stringify(ids[row])} in field ${JSON.stringify(name)}`;
  const { data } = matrixRows(components, dim, dtype, label);
  for (let row = 0; row < count; row++) checkMetricVector(metric, data, row * dim, dim, () => label(row));
  return data;
}

/** The vectors of one row by field. */
export function namedVectors(
  config: CollectionConfig,
  vectors: unknown,
  id: Id,
): { readonly field: NamedFieldInput; readonly vector: Float32Array }[] {
  if (typeof vectors !== "object" || vectors === null || Array.isArray(vectors) || ArrayBuffer.isView(vectors)) {
    const message = `vectors of id ${JSON.stringify(id)} must be an object of vectors by field, got ${describe(vectors)}`;
    throw new LynseError("INVALID_ARGUMENT", message, { id });
  }
  return Object.entries(vectors).map(([name, vector]) => {
    const field = namedField(config, name);
    return { field, vector: namedRows(field, vector, [id]) };
  });
}

/** How errors name a row's sparse vector. */
export function sparseLabel(id: Id): string {
  return `the sparse vector of id ${JSON.stringify(id)}`;
}

/** One sparse vector an id, checked; `isSingle`: a lone vector was given for a lone id. */
export function sparseRows(vectors: unknown, ids: readonly Id[], isSingle: boolean): CheckedSparse[] {
  if (isSingle) return [checkSparse(vectors, () => sparseLabel(ids[0]!))];
  if (!Array.isArray(vectors)) {
    throw new LynseError("INVALID_ARGUMENT", `vectors must be an array of sparse vectors, got ${describe(vectors)}`);
  }
  if (vectors.length !== ids.length) {
    throw new LynseError(
      "INVALID_ARGUMENT",
      `${ids.length} ids were given for ${vectors.length} vectors; give one each`,
    );
  }
  return vectors.map((vector, at) => checkSparse(vector, () => sparseLabel(ids[at]!)));
}

/** Ids that each stand once in a call. */
export function distinctIds(ids: readonly Id[]): readonly Id[] {
  const seen = new Set<Id>();
  for (const id of ids) {
    if (seen.has(id)) {
      throw new LynseError("INVALID_ARGUMENT", `id ${JSON.stringify(id)} stands twice in one call`, { id });
    }
    seen.add(id);
  }
  return ids;
}

/** Documents as a list of texts; a single one may stand alone. */
export function documentTexts(documents: unknown): readonly string[] {
  const list = typeof documents === "string" ? [documents] : documents;
  if (Array.isArray(list)) {
    const at = list.findIndex((text) => typeof text !== "string");
    if (at === -1) return list as string[];
    throw new LynseError("INVALID_ARGUMENT", `document ${at} must be a text, got ${describe(list[at])}`, {
      position: at,
    });
  }
  throw new LynseError("INVALID_ARGUMENT", `documents must be a text or a list of texts, got ${describe(documents)}`);
}
