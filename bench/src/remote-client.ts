/**
 * What of the built package do measurements of the server use?
 *
 * They import it from the directory that is measured, so its types are not at hand.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export interface RemoteCollection {
  add(rows: {
    ids?: readonly number[];
    vectors: { data: Float32Array; dim: number };
    fields?: readonly object[];
  }): Promise<unknown>;
  buildIndex(mode: string): Promise<void>;
  search(query: Float32Array, options: { readonly k: number }): Promise<{ readonly ids: ArrayLike<number> }>;
}

export interface RemoteClient {
  createDatabase(name: string): Promise<{
    requireCollection(name: string, options: { readonly dim: number }): Promise<RemoteCollection>;
  }>;
  close(): Promise<void>;
}

interface Package {
  readonly VectorDBClient: new (uri: string) => RemoteClient;
}

/** The client class of a built package. */
export async function clientOf(packageDirectory: string): Promise<Package["VectorDBClient"]> {
  const { VectorDBClient } = (await import(pathToFileURL(join(packageDirectory, "index.js")).href)) as Package;
  return VectorDBClient;
}
