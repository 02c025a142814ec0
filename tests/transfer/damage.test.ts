import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CollectionEngine } from "../../src/engine/collection-engine.js";
import { EngineRegistry } from "../../src/engine/engine-registry.js";
import { CrashError, FaultyFileSystem } from "../../src/storage/faulty-file-system.js";
import { MemoryFileSystem } from "../../src/storage/memory-file-system.js";
import { exportCollection } from "../../src/transfer/export-collection.js";
import { stageImport } from "../../src/transfer/stage-import.js";
import { db, folder, useTransferDatabase } from "./transfer-database.js";

useTransferDatabase();
beforeEach(async () => {
  const docs = await db.requireCollection("docs", { dim: 2 });
  await docs.createVectorField("image", { dim: 1 });
  await docs.add({
    ids: ["a", 1, "c"],
    vectors: [
      [1, 2],
      [3, 4],
      [5, 6],
    ],
    fields: [{ a: 1 }, {}, { b: "x" }],
  });
  await docs.addNamedVectors("image", [[1], [2]], ["a", "c"]);
  await docs.addSparseVectors([{ 4: 0.5 }], ["a"]);
  await docs.delete("c");
});

test("every byte of every file counts: a changed one, and a file cut short, are found", async () => {
  const path = join(folder, "whole");
  await db.exportCollection("docs", path);
  const names = await readdir(path);
  expect(names.length).toBe(8);
  for (const name of names) {
    const file = join(path, name);
    const bytes = await readFile(file);
    for (let at = 0; at < bytes.length; at += name === "export_manifest.json" ? 7 : 1) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1 << (at % 8);
      await writeFile(file, changed);
      await expect(db.importCollection("copy", path), `byte ${at} of ${name}`).rejects.toThrow(/./);
    }
    for (const length of [0, bytes.length - 1]) {
      await writeFile(file, bytes.subarray(0, length));
      await expect(db.importCollection("copy", path), `${length} bytes of ${name}`).rejects.toThrow(/./);
    }
    await writeFile(file, Buffer.concat([bytes, Buffer.from("x")]));
    await expect(db.importCollection("copy", path), `a byte behind ${name}`).rejects.toThrow(/./);
    await writeFile(file, bytes);
  }
  expect(await db.listCollections()).toEqual(["docs"]);
  expect((await db.importCollection("copy", path)).rows).toBe(2);
});

describe("the target of an export", () => {
  test("must not exist, and its folder must", async () => {
    await expect(db.exportCollection("docs", folder)).rejects.toMatchObject({ code: "TARGET_EXISTS" });
    const missing = db.exportCollection("docs", join(folder, "no", "where"));
    await expect(missing).rejects.toMatchObject({ code: "IO_ERROR", message: expect.stringContaining("create it") });
    await expect(db.exportCollection("docs", "")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(db.exportCollection("nothing", join(folder, "x"))).rejects.toMatchObject({
      code: "COLLECTION_NOT_FOUND",
    });
  });

  test("does not appear when the export is ended", async () => {
    const abort = new AbortController();
    const before = await readdir(folder);
    const ended = db.exportCollection("docs", join(folder, "ended"), {
      signal: abort.signal,
      onProgress: () => abort.abort(),
    });
    await expect(ended).rejects.toMatchObject({ code: "ABORTED" });
    expect(await readdir(folder)).toEqual(before);
  });

  test("a collection does not appear when its import is ended, or what is told of its progress throws", async () => {
    const path = join(folder, "to-end");
    await db.exportCollection("docs", path);
    const abort = new AbortController();
    const ended = db.importCollection("copy", path, { signal: abort.signal, onProgress: () => abort.abort() });
    await expect(ended).rejects.toMatchObject({ code: "ABORTED" });
    const thrown = db.importCollection("copy", path, {
      onProgress: () => {
        throw new RangeError("mine");
      },
    });
    await expect(thrown).rejects.toThrow(RangeError);
    expect(await db.listCollections()).toEqual(["docs"]);
  });
});

describe("files that fail", () => {
  let engine: CollectionEngine;
  let registry: EngineRegistry;

  beforeEach(async () => {
    registry = await EngineRegistry.open(new MemoryFileSystem(), "/db", { isReadOnly: false, durability: "os" });
    await registry.createDatabase("app", false);
    const config = { dim: 2, dtype: "float32", index: null, defaultIndex: null, description: null } as const;
    const created = { ...config, createdAt: new Date(0).toISOString() };
    const { collection } = await registry.requireCollection("app", "docs", () => created);
    engine = await collection.use((opened) => opened);
    await engine.prepareStaging();
    const buffer = engine.newBuffer(2);
    for (let id = 0; id < 300; id++) buffer.stage("add", id, [id, 1], JSON.stringify({ id }));
    await engine.commit(buffer);
  });
  afterEach(() => registry.close());

  async function fresh(seed: number): Promise<FaultyFileSystem> {
    const fs = new FaultyFileSystem(seed);
    await fs.makeFolder("/out");
    await fs.syncFolder("/");
    return fs;
  }

  async function isWholeOrAbsent(fs: FaultyFileSystem, hint: string): Promise<boolean> {
    if (!(await fs.exists("/out/docs"))) return false;
    const { rows } = await stageImport({ fs, path: "/out/docs" }, new MemoryFileSystem(), "/staged");
    expect(rows, hint).toBe(300);
    return true;
  }

  test("a call that fails leaves no export, and nothing else", async () => {
    const counted = await fresh(1);
    await exportCollection(engine, counted, "/out/docs");
    const { calls } = counted;
    let failures = 0;
    for (let call = 1; call <= calls; call++) {
      const fs = await fresh(call);
      fs.arm({ failAtCall: call, errno: call % 2 === 0 ? "ENOSPC" : "EIO" });
      const outcome = await exportCollection(engine, fs, "/out/docs").catch((error: unknown) => error);
      fs.heal();
      if (outcome instanceof Error) failures += 1;
      else expect(await isWholeOrAbsent(fs, `call ${call}`)).toBe(true);
      const names = (await fs.list("/out")).map(({ name }) => name);
      if (outcome instanceof Error)
        expect(names.filter((name) => name === "docs" || !name.endsWith(".tmp"))).toEqual(
          names.includes("docs") ? ["docs"] : [],
        );
      await isWholeOrAbsent(fs, `call ${call}`);
    }
    expect(failures).toBeGreaterThan(5);
  });

  test.each([
    "dropped",
    "kept",
    "torn",
    "reordered",
  ] as const)("a power loss leaves all or nothing: %s", async (loss) => {
    const counted = await fresh(1);
    counted.arm({});
    await exportCollection(engine, counted, "/out/docs");
    const { changes } = counted;
    for (let change = 1; change <= changes; change++) {
      const fs = await fresh(change);
      fs.arm({ crashAtChange: change });
      await expect(exportCollection(engine, fs, "/out/docs")).rejects.toThrow(CrashError);
      await isWholeOrAbsent(fs.afterPowerLoss(loss, change), `change ${change}`);
    }
    // What resolved is there after any loss.
    expect(await isWholeOrAbsent(counted.afterPowerLoss(loss, 1), "after the end")).toBe(true);
  });
});
