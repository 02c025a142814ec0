/**
 * How does an export become a collection of an embedded database?
 */
import type { EngineRegistry } from "../../engine/engine-registry.js";
import type { TransferOptions, TransferSummary } from "../../transfer/export-collection.js";
import { readExportManifest } from "../../transfer/read-export-manifest.js";
import { stageImport } from "../../transfer/stage-import.js";
import type { Dtype } from "../../types.js";
import { pathInput } from "../input/copy-input.js";
import { filesOfMachine } from "./local-export.js";

/** Imports the export at `path` under a name that is free, or may be overwritten. */
export function importLocally(
  root: EngineRegistry,
  to: { readonly database: string; readonly name: string },
  path: string,
  options: TransferOptions & { readonly overwrite: boolean },
): Promise<TransferSummary> {
  const { overwrite, ...rest } = options;
  return root.fillCollection(to.database, to.name, overwrite, (fs, folder) =>
    stageImport({ fs: root.outside, path }, fs, folder, rest),
  );
}

/** What the manifest of an export of this machine says of its live rows. */
export async function readExportDirectory(path: string): Promise<{
  readonly dim: number;
  readonly dtype: Dtype;
  readonly vectorsFile: string;
  readonly metadataFile: string;
  /** What else is in it. */
  readonly others: readonly string[];
}> {
  const { contents } = await readExportManifest(await filesOfMachine(), pathInput(path));
  const { live, config, fields, sparse, deleted, blobs } = contents;
  const others = [
    ...(fields.length === 0 ? [] : [`vectors of ${fields.map((field) => field.config.name).join(", ")}`]),
    ...(sparse === null ? [] : ["sparse vectors"]),
    ...(deleted === null ? [] : ["soft-deleted rows"]),
    ...(blobs === null ? [] : ["blobs"]),
  ];
  const { vectorsFile, metadataFile } = live;
  return { dim: config.dim ?? 1, dtype: config.dtype, vectorsFile, metadataFile, others };
}
