/**
 * What does an index name mean?
 *
 * Names are `FAMILY[-METRIC]`, case-insensitive; a bare family means inner product. This module is the only place that
 * knows the names.
 */
import { LynseError } from "../errors.js";
import type { Metric } from "../types.js";

/** An index name taken apart. */
export interface IndexName {
  /** Canonical spelling, e.g. `"FLAT-COS"`. */
  readonly name: string;
  readonly family: IndexFamilyName;
  readonly metric: Metric;
  /** How vectors are compressed inside the index; null: not at all, or as the family does by itself. */
  readonly quantizer: QuantizerName | null;
  /** Subspaces of `PQ` or bits of `POLARVEC`; null where the name leaves them to the default. */
  readonly quantizerSize: number | null;
}

export type IndexFamilyName = "FLAT" | "HNSW" | "IVF" | "SPANN" | "DISKANN";
export type QuantizerName = "SQ8" | "PQ" | "RABITQ" | "POLARVEC" | "BINARY";

const supported = new Map<string, IndexName>();
const define = (metric: Metric, name: string, ...aliases: readonly string[]): void => {
  const parsed: IndexName = Object.freeze({ name, family: "FLAT", metric, quantizer: null, quantizerSize: null });
  for (const alias of [name, ...aliases]) supported.set(alias, parsed);
};
define("ip", "FLAT-IP", "FLAT");
define("l2", "FLAT-L2");
define("cos", "FLAT-COS", "FLAT-COSINE");

/** The meaning of an index name; `UNSUPPORTED_INDEX` naming the supported ones otherwise. */
export function parseIndexName(mode: string): IndexName {
  const parsed = typeof mode === "string" ? supported.get(mode.trim().toUpperCase()) : undefined;
  if (parsed !== undefined) return parsed;
  const names = [...new Set([...supported.values()].map((index) => index.name))];
  throw new LynseError(
    "UNSUPPORTED_INDEX",
    `index ${JSON.stringify(mode) ?? String(mode)} is not supported; use one of ${names.join(", ")}`,
    { got: String(mode), supported: names },
  );
}
