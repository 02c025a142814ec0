import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Collection, type Database, VectorDBClient } from "../../src/index.js";

let folder = "";
let client: VectorDBClient;
let db: Database;
let docs: Collection;
let exports = 0;
const newPath = (): string => join(folder, `export-${exports++}`);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lynse-transfer-blobs-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function open(root: string): Promise<void> {
  client = new VectorDBClient(root, { threads: 1 });
  db = await client.createDatabase("app");
  docs = await db.requireCollection("docs", { dim: 2 });
  await docs.add({ ids: [1], vectors: [[1, 2]] });
}
beforeEach(() => open(join(folder, `root-${exports}`)));
afterEach(() => client.close());

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Keys that would lead elsewhere, or be read as something else, where they were used for what they are not. */
const keys = [
  "a",
  "../../escape",
  "/etc/x",
  "C:\\x",
  "__proto__",
  "blobs.bin",
  'quote"\n\u2028',
  "日本語",
  "k".repeat(1024),
];

async function allBlobs(collection: Collection): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const { key } of await collection.listBlobs()) {
    found.set(key, Buffer.from((await collection.readBlob(key)) ?? []).toString("base64"));
  }
  return found;
}

describe.each(["files", "memory"])("blobs of a collection in %s", (kind) => {
  beforeEach(async () => {
    if (kind === "files") return;
    await client.close();
    await open("memory://");
  });

  test("go out and come back, whatever their keys are and however long they are", async () => {
    for (const [at, key] of keys.entries()) await docs.writeBlob(key, bytesOf(`${key} ${at}`));
    const large = Uint8Array.from({ length: 5_000_001 }, (_, at) => (at * 7) ^ (at >>> 9));
    await docs.writeBlob("large", large);
    await docs.writeBlob("empty", new Uint8Array(0));
    const path = newPath();
    const written = await docs.exportTo(path);
    expect((await readdir(path)).sort()).toEqual([
      ...["blobs.bin", "blobs.jsonl", "export_manifest.json", "metadata.jsonl", "vectors.f32"],
    ]);
    expect(await db.importCollection("copy", path)).toEqual(written);
    const copy = await db.getCollection("copy");
    expect(await allBlobs(copy)).toEqual(await allBlobs(docs));
    expect((await copy.listBlobs()).length).toBe(keys.length + 2);
    // The import stands for itself, and replaces blobs together with rows.
    await copy.writeBlob("later", bytesOf("x"));
    await db.importCollection("copy", path, { overwrite: true });
    expect(await allBlobs(await db.getCollection("copy"))).toEqual(await allBlobs(docs));
  });

  test("are those of the moment of the rows", async () => {
    for (let at = 0; at < 20; at++) await docs.writeBlob(`key ${at}`, bytesOf(`old ${at}`));
    const before = await allBlobs(docs);
    const path = newPath();
    let changes: Promise<unknown> | null = null;
    await docs.exportTo(path, {
      onProgress: () => {
        changes ??= Promise.all([
          docs.writeBlob("key 0", bytesOf("new")),
          docs.deleteBlob("key 1"),
          docs.writeBlob("n", bytesOf("n")),
        ]);
      },
    });
    await changes;
    expect((await allBlobs(docs)).get("key 0")).not.toBe(before.get("key 0"));
    await db.importCollection("copy", path);
    expect(await allBlobs(await db.getCollection("copy"))).toEqual(before);
  });

  test("are left out where that is wanted", async () => {
    await docs.writeBlob("a", bytesOf("a"));
    const path = newPath();
    await docs.exportTo(path, { blobs: false });
    expect(await readdir(path)).not.toContain("blobs.bin");
    await db.importCollection("copy", path);
    expect(await (await db.getCollection("copy")).listBlobs()).toEqual([]);
    await expect(docs.exportTo(newPath(), { blobs: 1 } as never)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

test("an import with blobs survives the client that made it", async () => {
  await docs.writeBlob("a", bytesOf("kept"));
  const path = newPath();
  await docs.exportTo(path);
  const root = join(folder, "second");
  const other = new VectorDBClient(root, { threads: 1 });
  await (await other.createDatabase("app")).importCollection("copy", path);
  await other.close();
  const again = new VectorDBClient(root, { threads: 1 });
  const copy = await (await again.getDatabase("app")).getCollection("copy");
  expect(Buffer.from((await copy.readBlob("a")) ?? []).toString()).toBe("kept");
  await again.close();
});

test("a blob whose file is damaged is found before an export has a name", async () => {
  await docs.writeBlob("a", bytesOf("some bytes"));
  const blobs = join(folder, `root-${exports}`, "app", "docs", "blobs");
  const [name] = await readdir(blobs);
  const bytes = await readFile(join(blobs, name!));
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(join(blobs, name!), bytes);
  const path = newPath();
  await expect(docs.exportTo(path)).rejects.toMatchObject({ code: "CORRUPT", message: expect.stringContaining(name!) });
  expect((await readdir(folder)).filter((each) => each.startsWith("export-") && each.endsWith(".tmp"))).toEqual([]);
  expect((await docs.exportTo(path, { blobs: false })).rows).toBe(1);
});

describe("an export with blobs that is not what its manifest says", () => {
  let path = "";
  beforeEach(async () => {
    await docs.writeBlob("a", bytesOf("first"));
    await docs.writeBlob("b", bytesOf("second"));
    path = newPath();
    await docs.exportTo(path);
  });

  /** Gives the export other files, with a manifest that has their lengths and checksums and is right about itself. */
  async function forge(files: Readonly<Record<string, Uint8Array>>, count = 2): Promise<string> {
    const forged = newPath();
    await cp(path, forged, { recursive: true });
    const file = join(forged, "export_manifest.json");
    const manifest = JSON.parse(await readFile(file, "utf8"));
    for (const [name, bytes] of Object.entries(files)) {
      await writeFile(join(forged, name), bytes);
      const listed = manifest.lynsedb_typescript.files.find((each: { name: string }) => each.name === name);
      Object.assign(listed, { bytes: bytes.length, crc32: crc32(bytes).toString(16).padStart(8, "0") });
    }
    manifest.lynsedb_typescript.blobs.count = count;
    manifest.lynsedb_typescript.crc32 = "00000000";
    const open = `${JSON.stringify(manifest, null, 1)}\n`;
    const sealed = crc32(open).toString(16).padStart(8, "0");
    await writeFile(file, open.replace('"crc32": "00000000"', `"crc32": "${sealed}"`));
    return forged;
  }
  const line = (key: unknown, text: string): string =>
    `${JSON.stringify({ key, bytes: text.length, crc32: crc32(text).toString(16).padStart(8, "0") })}\n`;

  test("every changed byte, cut end and missing file is found", async () => {
    for (const name of ["blobs.bin", "blobs.jsonl"]) {
      const file = join(path, name);
      const bytes = await readFile(file);
      for (let at = 0; at < bytes.length; at++) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= 1 << (at % 8);
        await writeFile(file, changed);
        await expect(db.importCollection("copy", path), `byte ${at} of ${name}`).rejects.toThrow(
          /nothing was imported/,
        );
      }
      await writeFile(file, bytes.subarray(1));
      await expect(db.importCollection("copy", path)).rejects.toMatchObject({ code: "CORRUPT" });
      await rm(file);
      await expect(db.importCollection("copy", path)).rejects.toMatchObject({ code: "CORRUPT" });
      await writeFile(file, bytes);
    }
    expect((await db.importCollection("copy", path)).rows).toBe(1);
  });

  test("is refused by file and line: keys that cannot be, twice the same, lengths beyond the content", async () => {
    const refused = async (text: string, message: RegExp, count?: number): Promise<void> => {
      const forged = await forge({ "blobs.jsonl": bytesOf(text) }, count);
      await expect(db.importCollection("copy", forged)).rejects.toThrow(message);
      expect(await db.listCollections()).toEqual(["docs"]);
    };
    const first = line("a", "first");
    // The order in which they were written is that of the content.
    const [written] = (await readFile(join(path, "blobs.jsonl"), "utf8")).split("\n");
    const own = `${written}\n`;
    const text = written!.includes('"a"') ? "second" : "first";
    await refused(own + line("", text), /line 2: the key of a blob must not be empty; nothing/);
    await refused(own + line("\ud800", text), /line 2: the key .* is no well-formed Unicode text/);
    await refused(own + line("k".repeat(1025), text), /blobKeyBytesMax/);
    await refused(own + line(7, text), /line 2: an object as/);
    await refused(own + own.replace(/"bytes":\d+/, `"bytes":${text.length}`), /line 2: the key stands twice/);
    await refused(`${own}null\n`, /line 2: an object as/);
    await refused(`${own}{\n`, /line 2: the line is no JSON/);
    await refused(`${own}{"key":"c","bytes":${2 ** 29 + 1},"crc32":"00000000"}\n`, /blobBytesMax/);
    await refused(`${own}{"key":"c","bytes":${2 ** 29},"crc32":"00000000"}\n`, /has 536870912 bytes, \d are left/);
    await refused(`${own}{"key":"c","bytes":-1,"crc32":"00000000"}\n`, /line 2: an object as/);
    await refused(own + line("c", text.toUpperCase()), /the bytes of blob "c" do not match/);
    await refused(own, /there are 1 lines, not the 2 expected/);
    await refused(own, /bytes are left over/, 1);
    await refused(own + first.replace('"a"', '"x"').repeat(2), /./, 2);
    await refused(`{"key":"${"\\u0041".repeat(20_000)}","bytes":0,"crc32":"00000000"}\n`, /./);
  });
});
