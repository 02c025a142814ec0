/**
 * In which modes must the package behave the same?
 *
 * One suite, run over this list. A mode gives places: somewhere that clients can be opened on, empty at first, removed
 * afterwards.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClientOptions, VectorDBClient } from "../../src/index.js";

/** Somewhere that clients can be opened on. */
export interface Place {
  readonly uri: string;
  open(options?: ClientOptions): VectorDBClient;
  remove(): Promise<void>;
}

export interface Mode {
  readonly mode: string;
  /** Data outlives the client that wrote it. */
  readonly isPersistent: boolean;
  newPlace(): Promise<Place>;
}

async function newFolderPlace(): Promise<Place> {
  const uri = await mkdtemp(join(tmpdir(), "lynse-conformance-"));
  return {
    uri,
    open: (options) => new VectorDBClient(uri, options),
    remove: () => rm(uri, { recursive: true, force: true }),
  };
}

async function newMemoryPlace(): Promise<Place> {
  const uri = "memory://";
  return { uri, open: (options) => new VectorDBClient(uri, options), remove: async () => {} };
}

/** A folder on disk: what most programs use. */
export const folderMode: Mode = { mode: "folder", isPersistent: true, newPlace: newFolderPlace };

export const modes: readonly Mode[] = [folderMode, { mode: "memory", isPersistent: false, newPlace: newMemoryPlace }];
