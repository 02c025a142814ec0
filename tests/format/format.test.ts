/**
 * Do the files of every format version that was ever written still open, and answer what they answered then?
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32 } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { verify } from "../../src/client/local/local-inspect.js";
import { isLynseError, VectorDBClient } from "../../src/index.js";
import { formatVersion } from "../../src/storage/file-header.js";
import { answersOf } from "./answers.mjs";

const fixtures = fileURLToPath(new URL("../../fixtures/format", import.meta.url));
const versions = readdirSync(fixtures).filter((name) => /^\d+$/.test(name));

type Answers = Awaited<ReturnType<typeof answersOf>>;

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lynsedb-format-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A copy of the files of a version, to be opened. */
function copyOf(version: string): { readonly root: string; readonly expected: Answers } {
  cpSync(join(fixtures, version), folder, { recursive: true });
  const expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Answers;
  return { root: join(folder, "root"), expected };
}

async function withClient<T>(
  root: string,
  options: ConstructorParameters<typeof VectorDBClient>[1],
  use: (client: VectorDBClient) => Promise<T>,
): Promise<T> {
  const client = new VectorDBClient(root, { threads: 1, ...options });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** The files below a folder that `isWanted`, with their bytes. */
function filesIn(top: string, isWanted = (_: string): boolean => true): Map<string, string> {
  const files = new Map<string, string>();
  for (const name of readdirSync(top, { recursive: true, encoding: "utf8" }).sort()) {
    const path = join(top, name);
    if (statSync(path).isFile() && isWanted(name)) files.set(name, readFileSync(path, "latin1"));
  }
  return files;
}

/** Files that hold what was committed; the others can be made of them. */
function isTruth(path: string): boolean {
  return !/derived-|index-|\.lock$/.test(path);
}

test("there are files of every version up to the present one", () => {
  expect(versions.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: formatVersion }, (_, at) => at + 1));
});

describe.each(versions)("files of version %s", (version) => {
  test("answer a reader what they answered, with the indexes that they have, and are not touched", async () => {
    const { root, expected } = copyOf(version);
    const before = filesIn(root);
    expect(await withClient(root, { readOnly: true }, answersOf)).toEqual(expected);
    expect(filesIn(root)).toEqual(before);
  });

  test("answer a writer the same; it rewrites nothing that holds what was committed", async () => {
    const { root, expected } = copyOf(version);
    const before = filesIn(root, isTruth);
    expect(await withClient(root, {}, answersOf)).toEqual(expected);
    expect(filesIn(root, isTruth)).toEqual(before);
  });

  test("answer the same without what can be made again, but for the state of the indexes", async () => {
    const { root, expected } = copyOf(version);
    for (const path of filesIn(root, (name) => !isTruth(name)).keys()) rmSync(join(root, path));
    const answers = await withClient(root, { readOnly: true }, answersOf);
    const stateless = (all: Answers): unknown =>
      JSON.parse(JSON.stringify(all), (name, value: unknown) => (name === "state" ? null : value));
    expect(stateless(answers)).toEqual(stateless(expected));
  });

  test("take further writes, which the next open finds beside the old rows", async () => {
    const { root, expected } = copyOf(version);
    await withClient(root, {}, async (client) => {
      const docs = await (await client.getDatabase("main")).getCollection("everything");
      await docs.upsert({
        ids: ["a", "new"],
        vectors: [Array(8).fill(1), Array(8).fill(2)],
        fields: [{ n: 1 }, { n: 2 }],
      });
      await docs.restore([2]);
    });
    await withClient(root, {}, async (client) => {
      const docs = await (await client.getDatabase("main")).getCollection("everything");
      const { rows } = expected["main"]!["everything"] as { rows: [unknown, unknown, unknown][] };
      expect((await docs.query({ returnIdsOnly: true, limit: 100 })).ids).toHaveLength(rows.length + 2);
      expect((await docs.get("new")).fields).toEqual([{ n: 2 }]);
      expect(await docs.listDeletedIds()).toEqual(["b"]);
      await docs.compact();
      expect((await docs.search(Array(3).fill(1), { vectorField: "title", k: 9 })).ids).toContain("a");
    });
  });

  test("are found without a fault by verify, snapshots included", async () => {
    const { root } = copyOf(version);
    for (const place of [root, `${folder}/collection-snapshot`, `${folder}/database-snapshot`]) {
      const { findings, collections } = await verify(place, { depth: "deep" });
      const all = [...findings, ...collections.flatMap((report) => report.findings)];
      expect([relative(folder, place), all.filter(({ severity }) => severity !== "note")]).toEqual([
        relative(folder, place),
        [],
      ]);
    }
  });

  test("are restored from snapshots, and imported from an export, as they were", async () => {
    const { root, expected } = copyOf(version);
    await withClient(root, {}, async (client) => {
      const database = await client.createDatabase("restored");
      await database.restoreCollection("snapshot", `${folder}/collection-snapshot`);
      await database.importCollection("export", `${folder}/export`);
      await client.restoreDatabase("empty-again", `${folder}/database-snapshot`);
      const answers = await answersOf(client);
      const original = expected["main"]!["everything"];
      expect(answers["empty-again"]).toEqual(expected["empty"]);
      expect(answers["restored"]!["snapshot"]).toEqual(original);
      expect(answers["restored"]!["export"]).toEqual({ ...(original as object), blobs: [] });
    });
  });
});

/** Gives a file the number of the version after the present one, with a checksum that matches. */
function makeNewer(path: string): void {
  const bytes = readFileSync(path);
  if (path.endsWith(".lynse")) {
    bytes.writeUInt32LE(formatVersion + 1, 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(16, 64), crc32(bytes.subarray(0, 12))), 12);
    writeFileSync(path, bytes);
    return;
  }
  const line = bytes
    .toString("utf8")
    .split("\n")[0]!
    .replace(`"version":${formatVersion}`, `"version":${formatVersion + 1}`);
  writeFileSync(path, `${line}\ncrc32 ${crc32(line).toString(16).padStart(8, "0")}\n`);
}

describe("a file of the next version", () => {
  const docs = "root/main/everything";
  const useCollection = async (client: VectorDBClient): Promise<unknown> =>
    answersOf({
      listDatabases: async () => ["main"],
      getDatabase: (name: string) => client.getDatabase(name),
    });
  const useSnapshot =
    (snapshot: string, kind: "collection" | "database") =>
    async (client: VectorDBClient): Promise<unknown> => {
      if (kind === "database") return client.restoreDatabase("new", join(folder, snapshot));
      return (await client.getDatabase("main")).restoreCollection("new", join(folder, snapshot));
    };

  test.each([
    ["lynse.json", "root/lynse.json", (client: VectorDBClient) => client.listDatabases()],
    ["database.json", "root/main/database.json", useCollection],
    ["manifest.json", `${docs}/manifest.json`, useCollection],
    ["the log", `${docs}/g1/log-000001.lynse`, useCollection],
    ["the vectors", `${docs}/g1/vectors-default.lynse`, useCollection],
    ["the vectors of a field", `${docs}/g1/vectors-title.lynse`, useCollection],
    ["a blob", `${docs}/blobs`, useCollection],
    [
      "the snapshot of a collection",
      "collection-snapshot/snapshot.json",
      useSnapshot("collection-snapshot", "collection"),
    ],
    ["the snapshot of a database", "database-snapshot/snapshot.json", useSnapshot("database-snapshot", "database")],
    [
      "the log of a snapshot",
      "collection-snapshot/g1/log-000001.lynse",
      useSnapshot("collection-snapshot", "collection"),
    ],
  ])("is refused as such: %s", async (_, path, use) => {
    const { root } = copyOf(`${formatVersion}`);
    const full = join(folder, path);
    makeNewer(statSync(full).isDirectory() ? join(full, readdirSync(full)[0]!) : full);
    const before = filesIn(root, isTruth);
    const error = await withClient(root, {}, use).catch((reason: unknown) => reason);
    if (!isLynseError(error, "FORMAT_TOO_NEW")) throw error;
    expect(error.details).toMatchObject({ found: formatVersion + 1, supported: formatVersion });
    expect(filesIn(root, isTruth)).toEqual(before);
  });

  test("that can be made again is passed over, and made again", async () => {
    const { root, expected } = copyOf(`${formatVersion}`);
    for (const path of filesIn(root, (name) => /derived-|head\.lynse$/.test(name)).keys()) makeNewer(join(root, path));
    const { everything } = (await withClient(root, {}, answersOf))["main"]!;
    expect(everything).toEqual(expected["main"]!["everything"]);
  });

  test("of a writer's lock keeps other writers out", async () => {
    const { root } = copyOf(`${formatVersion}`);
    await withClient(root, {}, (client) => client.listDatabases());
    const lock = readdirSync(root).find((name) => name.endsWith(".lock"))!;
    makeNewer(join(root, lock));
    const error = await withClient(root, {}, (client) => client.listDatabases()).catch((reason: unknown) => reason);
    expect(isLynseError(error, "FORMAT_TOO_NEW")).toBe(true);
  });

  test("of an export is refused", async () => {
    const { root } = copyOf(`${formatVersion}`);
    const manifest = join(folder, "export/export_manifest.json");
    writeFileSync(manifest, readFileSync(manifest, "utf8").replace(/"export_version": *\d+/, '"export_version": 99'));
    const error = await withClient(root, {}, async (client) =>
      (await client.getDatabase("main")).importCollection("new", join(folder, "export")),
    ).catch((reason: unknown) => reason);
    expect(isLynseError(error, "FORMAT_TOO_NEW") || isLynseError(error, "UNSUPPORTED")).toBe(true);
  });
});
