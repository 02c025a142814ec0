/**
 * Which vectors do rows of a collection bring beside their own?
 *
 * Those of named fields, and sparse ones; and what an import must be told to make the same of them. Export part of the
 * command line.
 */
import type { Collection, VectorFieldInfo } from "../../index.js";

export interface AttachedKinds {
  /** Fields that rows have vectors in. */
  readonly fields: readonly VectorFieldInfo[];
  readonly hasSparse: boolean;
}

export const nothingAttached: AttachedKinds = { fields: [], hasSparse: false };

export async function attachedKinds(collection: Collection): Promise<AttachedKinds> {
  const { vectorFields, sparseRows } = await collection.stats();
  return { fields: vectorFields.filter(({ rows }) => rows > 0), hasSparse: sparseRows > 0 };
}

/** Value of the importer's option `--vector-fields`. */
export function vectorFieldsOption({ fields }: AttachedKinds): string {
  return fields
    .map(({ name, metric, dtype }) => `${name}=${metric}${dtype === "float32" ? "" : `:${dtype}`}`)
    .join(",");
}
