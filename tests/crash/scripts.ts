/**
 * Which programs are put to a crash at each of their changes?
 *
 * Short ones that do everything once that random programs come to in hundreds of seeds.
 */
import type { RowInput } from "./model.js";
import type { Operation } from "./world.js";

const row = (id: number, n: number): RowInput => ({ id, vector: [n / 8, -n / 4, 1], field: { n, tag: "red" } });
const docs = { database: "alpha", collection: "one" };

/** Takes copies of every kind and puts each over what is there by then. */
const replacing: readonly Operation[] = [
  { kind: "createDatabase", database: "alpha" },
  { kind: "require", ...docs, dim: 3, dtype: "float32" },
  { ...docs, change: { kind: "add", rows: [row(1, 1), row(2, 2)] } },
  { ...docs, change: { kind: "writeBlob", key: "a", content: "first" } },
  { kind: "snapshot", database: "alpha", collection: null, copy: "copy-1", bytes: false },
  { kind: "snapshot", ...docs, copy: "copy-2", bytes: false },
  { kind: "export", ...docs, copy: "copy-3", bytes: false },
  { ...docs, change: { kind: "upsert", rows: [row(2, 5), row(3, 3)] } },
  { ...docs, change: { kind: "writeBlob", key: "a", content: "second" } },
  { kind: "restoreFrom", ...docs, copy: "copy-2", overwrite: true },
  { ...docs, change: { kind: "add", rows: [row(4, 4)] } },
  { kind: "import", ...docs, copy: "copy-3", overwrite: true },
  { ...docs, change: { kind: "add", rows: [row(5, 5)] } },
  { kind: "restoreFrom", database: "alpha", collection: null, copy: "copy-1", overwrite: true },
  { ...docs, change: { kind: "add", rows: [row(6, 6)] } },
];

/** Blobs that go, compactions, fields, indexes of both kinds, checkpoints, drops and what takes the names again. */
const maintaining: readonly Operation[] = [
  { kind: "createDatabase", database: "alpha" },
  { kind: "require", ...docs, dim: null, dtype: "float32" },
  { ...docs, change: { kind: "add", rows: [row(1, 1), row(2, 2), row(3, 3)] } },
  { ...docs, change: { kind: "writeBlob", key: "a", content: "first" } },
  { ...docs, change: { kind: "deleteBlob", key: "a" } },
  { ...docs, change: { kind: "createField", name: "image" } },
  { ...docs, change: { kind: "named", name: "image", vectors: [{ id: 1, vector: [1, 2] }] } },
  { ...docs, change: { kind: "sparse", vectors: [{ id: 2, weights: [1, 0, 2, 3] }] } },
  { ...docs, change: { kind: "delete", ids: [3] } },
  { ...docs, change: { kind: "index", name: "DISKANN-COS" } },
  { ...docs, change: { kind: "checkpoint" } },
  { ...docs, change: { kind: "upsert", rows: [row(2, 5), row(4, 4)] } },
  { ...docs, change: { kind: "compact" } },
  { ...docs, change: { kind: "add", rows: [row(5, 5)] } },
  { ...docs, change: { kind: "index", name: "HNSW-L2" } },
  { ...docs, change: { kind: "index", name: null } },
  { ...docs, change: { kind: "describe", text: "described" } },
  { kind: "drop", ...docs },
  { kind: "require", ...docs, dim: 3, dtype: "float32" },
  { ...docs, change: { kind: "add", rows: [row(6, 6)] } },
  { kind: "dropDatabase", database: "alpha" },
  { kind: "createDatabase", database: "alpha" },
  { kind: "require", ...docs, dim: 3, dtype: "float32" },
  { ...docs, change: { kind: "add", rows: [row(7, 7)] } },
];

const inTurn = (operations: readonly Operation[]): readonly (readonly Operation[])[] =>
  operations.map((each) => [each]);

/** By name: what is done in turn. */
export const scripts = { replacing: inTurn(replacing), maintaining: inTurn(maintaining) };
export type ScriptName = keyof typeof scripts;
