/**
 * How does an export become a collection of an embedded database?
 */
import type { EngineRegistry } from "../../engine/engine-registry.js";
import type { TransferOptions, TransferSummary } from "../../transfer/export-collection.js";
import { stageImport } from "../../transfer/stage-import.js";

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
