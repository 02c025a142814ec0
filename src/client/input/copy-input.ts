/**
 * Where does a copy go, or come from, and how is it made?
 */
import { LynseError } from "../../errors.js";
import { checkBoolean, checkFunction, checkOptions, checkSignal, checkText } from "../check-options.js";
import type { ExportOptions, ImportOptions, RestoreOptions, SnapshotOptions } from "../collection.js";

/** A path, with `/` between names. */
export function pathInput(path: unknown): string {
  const text = checkText(path, "path");
  if (text === "" || text.includes("\0")) {
    throw new LynseError("INVALID_ARGUMENT", "path must name a folder", { option: "path" });
  }
  return text.replaceAll("\\", "/").replace(/(?<=.)\/+$/, "");
}

export function snapshotInput(options: SnapshotOptions = {}): {
  readonly copy: boolean;
  readonly signal: AbortSignal | undefined;
} {
  checkOptions(options, ["copy", "signal"], "a snapshot");
  return { copy: checkBoolean(options.copy ?? false, "copy"), signal: checkSignal(options.signal) };
}

export function restoreInput(options: RestoreOptions = {}): {
  readonly overwrite: boolean;
  readonly signal: AbortSignal | undefined;
} {
  checkOptions(options, ["overwrite", "signal"], "a restore");
  return { overwrite: checkBoolean(options.overwrite ?? false, "overwrite"), signal: checkSignal(options.signal) };
}

export function exportInput(options: ExportOptions = {}): {
  readonly blobs: boolean;
  readonly onProgress: ExportOptions["onProgress"];
  readonly signal: AbortSignal | undefined;
} {
  checkOptions(options, ["blobs", "onProgress", "signal"], "an export");
  return {
    blobs: checkBoolean(options.blobs ?? true, "blobs"),
    onProgress: checkFunction(options.onProgress, "onProgress"),
    signal: checkSignal(options.signal),
  };
}

export function importInput(options: ImportOptions = {}): {
  readonly overwrite: boolean;
  readonly onProgress: ImportOptions["onProgress"];
  readonly signal: AbortSignal | undefined;
} {
  checkOptions(options, ["overwrite", "onProgress", "signal"], "an import");
  const overwrite = checkBoolean(options.overwrite ?? false, "overwrite");
  return {
    overwrite,
    onProgress: checkFunction(options.onProgress, "onProgress"),
    signal: checkSignal(options.signal),
  };
}
