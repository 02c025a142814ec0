/**
 * Which rows does a server hold that is asked for long?
 *
 * 2,000 random vectors of 32 components with an HNSW index: enough for searches to be what they are, few enough for the
 * server itself to be what is measured.
 */

import { Random } from "./random.js";
import { clientOf } from "./remote-client.js";

const rowCount = 2_000;
const dim = 32;
const k = 10;

export interface ServerRows {
  /** Searches for another vector each turn. */
  search(turn: number): Promise<void>;
  close(): Promise<void>;
}

/** Fills the server at `url`. */
export async function serverRows(packageDirectory: string, url: string): Promise<ServerRows> {
  const VectorDBClient = await clientOf(packageDirectory);
  const client = new VectorDBClient(url);
  const rows = await (await client.createDatabase("soak")).requireCollection("rows", { dim });
  const random = new Random(7);
  const data = Float32Array.from({ length: rowCount * dim }, () => random.normal());
  await rows.add({ vectors: { data, dim } });
  await rows.buildIndex("HNSW-IP");
  return {
    search: async (turn) => {
      const at = ((turn * 7919) % rowCount) * dim;
      const { ids } = await rows.search(data.subarray(at, at + dim), { k });
      if (ids.length !== k) throw new Error(`a search gave ${ids.length} rows, expected ${k}`);
    },
    close: () => client.close(),
  };
}
