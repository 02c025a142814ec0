/**
 * What does the command line say of an import?
 */
import type { Dtype } from "../../types.js";
import type { CommonOptions } from "../commands/common-options.js";
import type { EmbedChoice } from "../embed/embed-option.js";
import type { ColumnType } from "../readers/row-reader.js";
import type { VectorFieldKinds } from "./named-vectors.js";
import type { RowFormat } from "./open-rows.js";

export interface ImportFlags extends CommonOptions {
  readonly collection: string;
  readonly vectors?: string;
  readonly embed?: EmbedChoice;
  readonly textColumn?: string;
  readonly dim?: number;
  readonly idColumn?: string;
  readonly sparseColumn?: string;
  readonly namedColumn?: string;
  readonly vectorFields?: VectorFieldKinds;
  readonly columns?: readonly string[];
  readonly types?: ReadonlyMap<string, ColumnType>;
  readonly format?: RowFormat;
  readonly dtype?: Dtype;
  readonly index?: string;
  readonly batch?: number;
  readonly skip?: number;
  readonly skipBad?: string;
  readonly resume?: boolean;
  /** False where rows are not read beforehand. */
  readonly check: boolean;
  readonly upsert?: boolean;
  readonly overwrite?: boolean;
}
