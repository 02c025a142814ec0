/**
 * What do snapshots and exports that are not what they were do to a restore?
 *
 * Files of copies are mangled, and their descriptions say impossible things under right checksums, as do exports of LynseDB,
 * which have none. Each is refused with an error of the catalogue, or restored; never anything else, and in bounded time.
 */
import { expect, test } from "vitest";
import { isLynseError } from "../../src/errors.js";
import { MemoryFileSystem } from "../../src/storage/memory-file-system.js";
import { decodeSealedJson, encodeSealedJson } from "../../src/storage/sealed-json.js";
import { SeededRandom } from "../../src/storage/seeded-random.js";
import type { JsonValue } from "../../src/types.js";
import type { RowInput } from "../crash/model.js";
import { readCopy } from "../crash/read-copy.js";
import { copiesFolder, SimulatedRoot } from "../crash/simulated-root.js";
import type { Operation } from "../crash/world.js";
import { mangled } from "./mangled.js";
import { oddValues } from "./odd-values.js";

type Contents = Map<string, Uint8Array | null>;

const row = (id: number, n: number): RowInput => ({ id, vector: [n / 8, -n / 4, 1], field: { n, tag: "red" } });
const docs = { database: "alpha", collection: "one" };
const program: readonly Operation[] = [
  { kind: "createDatabase", database: "alpha" },
  { kind: "require", ...docs, dim: 3, dtype: "float32" },
  { ...docs, change: { kind: "add", rows: [row(1, 1), row(2, 2), row(3, 3)] } },
  { ...docs, change: { kind: "createField", name: "image" } },
  { ...docs, change: { kind: "named", name: "image", vectors: [{ id: 1, vector: [1, 2] }] } },
  { ...docs, change: { kind: "sparse", vectors: [{ id: 2, weights: [1, 0, 2, 3] }] } },
  { ...docs, change: { kind: "delete", ids: [3] } },
  { ...docs, change: { kind: "index", name: "HNSW-L2" } },
  { ...docs, change: { kind: "writeBlob", key: "a", content: "a blob" } },
  { ...docs, change: { kind: "checkpoint" } },
  { ...docs, change: { kind: "upsert", rows: [row(2, 5)] } },
  { kind: "snapshot", database: "alpha", collection: null, copy: "database", bytes: true },
  { kind: "snapshot", ...docs, copy: "snapshot", bytes: true },
  { kind: "export", ...docs, copy: "export", bytes: false },
];

/** Files of one of the copies. */
async function filesOf(copy: string): Promise<Contents> {
  const fs = new MemoryFileSystem();
  const root = await SimulatedRoot.open(fs);
  for (const operation of program) await root.run(operation);
  await root.abandon();
  const contents: Contents = new Map();
  for (const folders = [copiesFolder, `${copiesFolder}/${copy}`]; folders.length > 0; ) {
    const folder = folders.pop()!;
    contents.set(folder, null);
    if (folder === copiesFolder) continue;
    for (const { name, isFolder } of await fs.list(folder)) {
      if (isFolder) folders.push(`${folder}/${name}`);
      else contents.set(`${folder}/${name}`, await fs.readFile(`${folder}/${name}`, 1e8));
    }
  }
  return contents;
}

const pathsOf = (contents: Contents): string[] =>
  [...contents].filter(([, bytes]) => bytes !== null && bytes.length > 0).map(([path]) => path);

/** What a restore gives; null where it is refused by an error of the catalogue that is no bug of the package. */
async function restored(copy: string, files: Contents, what: string): Promise<string | null> {
  try {
    return await readCopy(copy, files);
  } catch (error) {
    expect(
      isLynseError(error) && error.code !== "INTERNAL",
      `${what}: ${error instanceof Error ? error.stack : ""}`,
    ).toBe(true);
    return null;
  }
}

test.each([
  "database",
  "snapshot",
  "export",
])("a mangled file of a copy (%s) is refused, or changes nothing", async (copy) => {
  const intact = await filesOf(copy);
  const text = await readCopy(copy, intact);
  const paths = pathsOf(intact);
  let refused = 0;
  const runs = 120;
  for (let seed = 1; seed <= runs; seed++) {
    const random = new SeededRandom(seed);
    const path = paths[random.below(paths.length)]!;
    const files = new Map(intact).set(path, mangled(intact.get(path)!, random));
    const found = await restored(copy, files, `seed ${seed}, ${path}`);
    if (found === null) refused += 1;
    else expect(found, `seed ${seed}, ${path}`).toBe(text);
  }
  expect(refused).toBeGreaterThan(runs / 3);
});

type Json = { readonly [name: string]: JsonValue };

/** The same with each member, at any depth, taken out or replaced by something odd, one at a time. */
function* variantsOf(value: JsonValue): Generator<JsonValue> {
  if (typeof value !== "object" || value === null) return;
  const entries = Object.entries(value);
  for (const [name, member] of entries) {
    const others = entries.filter(([each]) => each !== name);
    const withMember = (changed: JsonValue): JsonValue =>
      Array.isArray(value)
        ? value.map((each, at) => (String(at) === name ? changed : each))
        : Object.fromEntries([...others, [name, changed]]);
    yield Array.isArray(value) ? others.map(([, each]) => each) : Object.fromEntries(others);
    for (const odd of oddValues) yield withMember(odd);
    for (const inner of variantsOf(member)) yield withMember(inner);
  }
}

test.each(["database", "snapshot"])("a sealed description of a copy (%s) that says odd things", async (copy) => {
  const intact = await filesOf(copy);
  const fs = new MemoryFileSystem();
  const path = `${copiesFolder}/${copy}/snapshot.json`;
  const format = "lynsedb snapshot";
  const { format: _, version: __, ...members } = decodeSealedJson(fs, intact.get(path)!, format, path) as Json;
  let refused = 0;
  let count = 0;
  for (const variant of variantsOf(members)) {
    // A third of those of the long list of files.
    if (count++ % 3 !== 0 && copy === "snapshot") continue;
    const files = new Map(intact).set(path, encodeSealedJson(fs, format, variant as Json));
    if ((await restored(copy, files, JSON.stringify(variant))) === null) refused += 1;
  }
  expect(refused).toBeGreaterThan(count / 10);
});

test("the manifest of an export by LynseDB that says odd things", async () => {
  const vectors = new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer);
  const lines = '{"id":0,"external_id":"a","field":{"title":"one"}}\n{"id":7,"external_id":12,"field":{}}\n';
  const folder = `${copiesFolder}/export`;
  const manifest = {
    export_type: "lynsedb-collection-export",
    collection_name: "docs",
    export_format: "lynsedb-collection-jsonl-binary-export",
    ...{ export_version: 1, dimension: 2, chunk_size: 100000, count: 2, vector_dtype: "float32" },
    ...{ byte_order: "little-endian", vectors_file: "vectors.f32", metadata_file: "metadata.jsonl" },
  };
  const files: Contents = new Map([[copiesFolder, null]]);
  files.set(folder, null);
  files.set(`${folder}/vectors.f32`, vectors).set(`${folder}/metadata.jsonl`, new TextEncoder().encode(lines));
  const path = `${folder}/export_manifest.json`;
  const encode = (value: JsonValue): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  files.set(path, encode(manifest));
  expect(await readCopy("export", files)).toContain("one");
  let refused = 0;
  for (const variant of variantsOf(manifest)) {
    if ((await restored("export", new Map(files).set(path, encode(variant)), JSON.stringify(variant))) === null)
      refused += 1;
  }
  expect(refused).toBeGreaterThan(100);
  // No checksum vouches for its rows: what is restored may differ, but rows that are no rows are refused.
  for (let seed = 1; seed <= 300; seed++) {
    const random = new SeededRandom(seed);
    const hurt = `${folder}/${random.oneIn(4) ? "vectors.f32" : "metadata.jsonl"}`;
    await restored("export", new Map(files).set(hurt, mangled(files.get(hurt)!, random)), `seed ${seed}, ${hurt}`);
  }
});
