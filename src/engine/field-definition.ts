/**
 * What is fixed about a vector field?
 *
 * Reads the configuration of a collection by field name: the primary field, `default`, stands in members of its own, named
 * fields in a list. The metric of a field is that of its index, or the one it was declared with.
 */
import { assert, LynseError } from "../errors.js";
import { parseIndexName } from "../index/index-name.js";
import type { CollectionConfig, VectorFieldConfig } from "../storage/manifest.js";
import type { Dtype, Metric } from "../types.js";

/** Name of the vectors that rows are added with. */
export const primaryFieldName = "default";

export interface FieldDefinition {
  readonly name: string;
  /** Null while no write has fixed it; of the primary field only. */
  readonly dim: number | null;
  readonly dtype: Dtype;
  readonly metric: Metric;
  /** Name of the index in use. */
  readonly index: string | null;
  /** Name of the index, or of the exact search where there is none. */
  readonly label: string;
  readonly indexParameters: { readonly [name: string]: number } | null;
}

/** Definitions by configuration: a configuration never changes, it is replaced. */
const known = new WeakMap<CollectionConfig, readonly FieldDefinition[]>();

/** All fields, the primary one first. */
export function fieldDefinitions(config: CollectionConfig): readonly FieldDefinition[] {
  let definitions = known.get(config);
  if (definitions === undefined) {
    definitions = [primaryDefinition(config), ...(config.vectorFields ?? []).map(namedDefinition)];
    known.set(config, definitions);
  }
  return definitions;
}

/** A field by its name; `INVALID_ARGUMENT` naming those that there are. */
export function fieldDefinition(config: CollectionConfig, name: string): FieldDefinition {
  const definitions = fieldDefinitions(config);
  const found = definitions.find((field) => field.name === name);
  if (found !== undefined) return found;
  const names = definitions.map((field) => JSON.stringify(field.name)).join(", ");
  throw new LynseError("INVALID_ARGUMENT", `there is no vector field ${JSON.stringify(name)}; there is ${names}`, {
    field: name,
  });
}

function primaryDefinition(config: CollectionConfig): FieldDefinition {
  const label = parseIndexName(config.index ?? config.defaultIndex ?? "FLAT-IP");
  const { dim, dtype, index, indexParameters = null } = config;
  return { name: primaryFieldName, dim, dtype, metric: label.metric, index, label: label.name, indexParameters };
}

function namedDefinition(field: VectorFieldConfig): FieldDefinition {
  const { name, dim, dtype, index, indexParameters = null } = field;
  const label = index === null ? null : parseIndexName(index);
  const metric = label?.metric ?? (field.metric as Metric);
  return { name, dim, dtype, metric, index, label: label?.name ?? flatName(metric), indexParameters };
}

/** Name of the exact search by a metric. */
function flatName(metric: Metric): string {
  return parseIndexName(`FLAT-${metric.toUpperCase().replaceAll("_", "-")}`).name;
}

/** What changes in the configuration when a field gets another index. */
export function indexPatch(
  config: CollectionConfig,
  name: string,
  index: string | null,
  indexParameters: { readonly [name: string]: number } | null,
): Partial<Pick<CollectionConfig, "index" | "indexParameters" | "vectorFields">> {
  if (name === primaryFieldName) return { index, indexParameters };
  const fields = config.vectorFields ?? [];
  assert(
    fields.some((field) => field.name === name),
    "the index of a field that is there is changed",
  );
  return { vectorFields: fields.map((field) => (field.name === name ? { ...field, index, indexParameters } : field)) };
}
