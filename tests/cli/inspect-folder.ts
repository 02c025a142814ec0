/**
 * A data directory for the tests of `lynse verify`, `repair` and `doctor`, and a way to damage it.
 */
import { closeSync, mkdtempSync, openSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VectorDBClient } from "../../src/index.js";
import { type LynseResult, runLynse } from "./run-lynse.js";

export interface InspectFolder {
  readonly folder: string;
  readonly data: string;
  readonly run: (...args: string[]) => Promise<LynseResult>;
  /** Overwrites bytes of a file of the collection. */
  readonly damage: (file: string, at: number, bytes: Uint8Array) => void;
}

/** A collection `default/docs` of 20 rows in two commits. */
export async function inspectFolder(): Promise<InspectFolder> {
  const folder = mkdtempSync(join(tmpdir(), "lynsedb-cli-inspect-"));
  const data = join(folder, "data");
  const client = new VectorDBClient(data);
  const collection = await (await client.createDatabase("default")).requireCollection("docs", { dim: 3 });
  for (const first of [0, 10]) {
    const ids = Array.from({ length: 10 }, (_, at) => first + at);
    await collection.add({
      ids,
      vectors: ids.map((id) => [id, 1, 2]),
      fields: ids.map((id) => ({ title: `row ${id}` })),
    });
  }
  await client.close();
  return {
    folder,
    data,
    run: (...args) => runLynse(args, { data, folder }),
    damage: (file, at, bytes) => {
      const handle = openSync(join(data, "default/docs", file), "r+");
      writeSync(handle, bytes, 0, bytes.length, at);
      closeSync(handle);
    },
  };
}
