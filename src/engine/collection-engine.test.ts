import { afterEach, describe, expect, test, vi } from "vitest";
import { LynseError } from "../errors.js";
import { inlinePool } from "../kernel/kernel-pool.js";
import { VectorTable } from "../kernel/vector-table.js";
import { CollectionStore } from "../storage/collection-store.js";
import { FaultyFileSystem } from "../storage/faulty-file-system.js";
import type { FileSystem } from "../storage/file-system.js";
import { type CollectionConfig, readManifest } from "../storage/manifest.js";
import { MemoryFileSystem } from "../storage/memory-file-system.js";
import type { StagedCollection } from "../storage/stage-snapshot.js";
import { CollectionEngine, type EngineOptions } from "./collection-engine.js";
import type { Quotas } from "./quotas.js";
import type { WriteBuffer } from "./write-buffer.js";

const folder = "db/docs";
const config: CollectionConfig = {
  dim: null,
  dtype: "float32",
  index: null,
  defaultIndex: null,
  description: null,
  createdAt: "2026-01-01T00:00:00.000Z",
};

function optionsFor(fs: FileSystem, quotas: Quotas = {}): EngineOptions {
  return {
    databaseName: "db",
    name: "docs",
    isReadOnly: false,
    durability: "fsync",
    pool: inlinePool,
    budget: null,
    quotas,
    reopenStore: () => CollectionStore.open(fs, folder, { isReadOnly: false }),
    followIntervalMs: null,
    isThere: () => CollectionStore.exists(fs, folder),
    outside: fs,
    snapshotTo: () => Promise.reject(new Error("no snapshot is taken here")),
  };
}

async function created(fs: FileSystem, quotas: Quotas = {}): Promise<CollectionEngine> {
  return CollectionEngine.create(await CollectionStore.create(fs, folder, config), optionsFor(fs, quotas));
}

async function opened(fs: FileSystem): Promise<CollectionEngine> {
  return CollectionEngine.open(await CollectionStore.open(fs, folder, { isReadOnly: false }), optionsFor(fs));
}

/** A collection of two rows, ids 0 and 1, that waits to take the place of another. */
async function staged(fs: FileSystem): Promise<StagedCollection> {
  const place = "db/staged";
  const store = await CollectionStore.create(fs, place, config);
  const engine = CollectionEngine.create(store, { ...optionsFor(fs), name: "staged" });
  await add(engine, [0, 1]);
  await engine.close();
  return { folder: place, manifest: (await readManifest(fs, place))! };
}

async function rows(engine: CollectionEngine, ids: readonly number[], dim = 2): Promise<WriteBuffer> {
  await engine.prepareStaging();
  const buffer = engine.newBuffer(dim);
  for (const id of ids) buffer.stage("upsert", id, new Array(dim).fill(id + 1), "");
  return buffer;
}

async function add(engine: CollectionEngine, ids: readonly number[], dim = 2): Promise<void> {
  await engine.commit(await rows(engine, ids, dim));
}

function liveIds(engine: CollectionEngine): unknown[] {
  const { rowCount, rows: table } = engine.generation;
  const ids: unknown[] = [];
  for (let row = 0; row < rowCount; row++) if (table.isLive(row)) ids.push(table.idAt(row));
  return ids.sort();
}

function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "resolved",
    (error: unknown) => (error instanceof LynseError ? error.code : String(error)),
  );
}

/** The next rows that go into memory meet that there is none left. */
function failOneAppend(): void {
  vi.spyOn(VectorTable.prototype, "beginAppend").mockImplementationOnce(() => {
    throw new LynseError("LIMIT_EXCEEDED", "no memory left for vectors");
  });
}

afterEach(() => void vi.restoreAllMocks());

describe("a collection whose memory could not take in what is on disk", () => {
  test("writes nothing of what waited behind it, nor of what was pending, when it is closed", async () => {
    const fs = new MemoryFileSystem();
    const engine = await created(fs);
    await add(engine, [1, 2]);
    const first = await rows(engine, [2, 3]);
    const second = await rows(engine, [3, 4]);
    engine.pending.buffer = await rows(engine, [3, 5]);
    failOneAppend();
    const commits = [codeOf(engine.commit(first)), codeOf(engine.commit(second)), codeOf(engine.compact(undefined))];
    expect(await Promise.all(commits)).toEqual(["IO_ERROR", "IO_ERROR", "IO_ERROR"]);
    expect(liveIds(engine)).toEqual([1, 2]);
    expect(await codeOf(engine.close())).toBe("IO_ERROR");
    const again = await opened(fs);
    expect(liveIds(again)).toEqual([1, 2, 3]);
    await again.close();
  });

  test("after a compaction goes on with what is on disk once it is opened again", async () => {
    const fs = new MemoryFileSystem();
    const engine = await created(fs);
    await add(engine, [1, 2, 3]);
    await add(engine, [2]);
    const { primary } = engine.generation;
    vi.spyOn(Object.getPrototypeOf(primary), "load").mockRejectedValueOnce(
      new LynseError("IO_ERROR", "the disk failed"),
    );
    expect(await codeOf(engine.compact(undefined))).toBe("IO_ERROR");
    expect(liveIds(engine)).toEqual([1, 2, 3]);
    const refused = await engine.prepareStaging().catch((error: unknown) => error);
    expect(String(refused)).toMatch(/a compaction of collection "docs" is on disk.*open it again to write/);
    await engine.close();
    const again = await opened(fs);
    expect(again.generation.rowCount).toBe(3);
    await add(again, [4]);
    expect(liveIds(again)).toEqual([1, 2, 3, 4]);
    await again.close();
  });
});

describe("a collection that is closed", () => {
  test("is neither compacted nor replaced by what waited for its indexes", async () => {
    const fs = new MemoryFileSystem();
    const engine = await created(fs);
    await add(engine, [1, 2]);
    await add(engine, [2]);
    const next = await staged(fs);
    let release = (): void => {};
    const wait = new Promise<void>((resolve) => {
      release = resolve;
    });
    const idle = vi.spyOn(engine.indexes, "idle").mockReturnValue(wait);
    const calls = [codeOf(engine.compact(undefined)), codeOf(engine.replaceBy(next))];
    idle.mockRestore();
    await engine.close();
    release();
    expect(await Promise.all(calls)).toEqual(["CLOSED", "CLOSED"]);
    const again = await opened(fs);
    expect([liveIds(again), again.generation.numbering]).toEqual([[1, 2], 1]);
    await again.close();
  });
});

describe("a collection that is replaced", () => {
  test("numbers rows after those that it has now, whatever was being collected before", async () => {
    const fs = new MemoryFileSystem();
    const engine = await created(fs);
    await add(engine, [1, 2]);
    const pending = engine.newBuffer(2);
    engine.reserveIds(pending, 1000, null);
    pending.stage("add", 1000, [1, 1], "");
    engine.pending.buffer = pending;
    const session = engine.newBuffer(2);
    session.stage("add", engine.reserveIds(session, 1, null), [1, 1], "");
    await engine.replaceBy(await staged(fs));
    expect(engine.reserveIds(engine.newBuffer(2), 1, null)).toBe(2);
    expect(engine.pending.buffer).toBeNull();
    expect(await codeOf(engine.commit(session))).toBe("CLOSED");
    expect(liveIds(engine)).toEqual([0, 1]);
    await engine.close();
  });

  test("closes the files that it could not load", async () => {
    const fs = new MemoryFileSystem();
    const engine = await created(fs);
    await add(engine, [1]);
    const stores: CollectionStore[] = [];
    const { open } = CollectionStore;
    vi.spyOn(CollectionStore, "open").mockImplementationOnce(async (...given) => {
      stores.push(await open.apply(CollectionStore, given));
      vi.spyOn(stores[0]!, "replay").mockRejectedValueOnce(new LynseError("IO_ERROR", "the disk failed"));
      vi.spyOn(stores[0]!, "close");
      return stores[0]!;
    });
    expect(await codeOf(engine.replaceBy(await staged(fs)))).toBe("IO_ERROR");
    expect(stores[0]!.close).toHaveBeenCalled();
    expect(liveIds(engine)).toEqual([1]);
    await engine.close();
    const again = await opened(fs);
    expect(liveIds(again)).toEqual([0, 1]);
    await again.close();
  });
});

describe("a commit that is refused", () => {
  test("fixes no dimension, and leaves it to those that waited with it", async () => {
    const fs = new MemoryFileSystem();
    const engine = await created(fs, { rowsMax: 2 });
    expect(await codeOf(add(engine, [1, 2, 3], 5))).toBe("LIMIT_EXCEEDED");
    expect(engine.config.dim).toBeNull();
    const buffers = [await rows(engine, [1, 2, 3], 5), await rows(engine, [4], 3), await rows(engine, [5], 4)];
    const codes = await Promise.all(buffers.map((buffer) => codeOf(engine.commit(buffer))));
    expect(codes).toEqual(["LIMIT_EXCEEDED", "resolved", "DIMENSION_MISMATCH"]);
    expect([engine.config.dim, liveIds(engine)]).toEqual([3, [4]]);
    await engine.close();
  });

  test("by a quota or a conflict takes no neighbour of its batch with it", async () => {
    const fs = new MemoryFileSystem();
    const engine = await created(fs, { rowsMax: 3 });
    await add(engine, [1]);
    await engine.prepareStaging();
    const taken = engine.newBuffer(2);
    taken.stage("add", 7, [1, 1], "");
    await add(engine, [7]);
    const buffers = [taken, await rows(engine, [8, 9]), await rows(engine, [10])];
    const codes = await Promise.all(buffers.map((buffer) => codeOf(engine.commit(buffer))));
    expect(codes).toEqual(["ID_EXISTS", "LIMIT_EXCEEDED", "resolved"]);
    expect(liveIds(engine)).toEqual([1, 10, 7]);
    await engine.close();
  });

  test("for its names does not count against the quotas of its batch, nor do names of one that a quota refused", async () => {
    const engine = await created(new MemoryFileSystem(), { rowsMax: 3 });
    const named = async (ids: readonly number[], prefix: string): Promise<WriteBuffer> => {
      const buffer = await rows(engine, ids.slice(1));
      const field = Object.fromEntries(Array.from({ length: 6000 }, (_, at) => [`${prefix}${at}`, at]));
      buffer.stage("add", ids[0]!, [1, 1], JSON.stringify(field), field);
      return buffer;
    };
    const lead = await rows(engine, [0]);
    const waiting = [
      await named([1, 2, 3], "a"),
      await named([4], "b"),
      await named([5], "c"),
      await rows(engine, [6]),
    ];
    const codes = await Promise.all([lead, ...waiting].map((buffer) => codeOf(engine.commit(buffer))));
    expect(codes).toEqual(["resolved", "LIMIT_EXCEEDED", "resolved", "LIMIT_EXCEEDED", "resolved"]);
    expect(liveIds(engine)).toEqual([0, 4, 6]);
    expect([...engine.generation.fieldNames].filter((name) => !name.startsWith("b"))).toEqual([]);
    await engine.close();
  });
});

describe("a checkpoint that fails", () => {
  test("fails who asked for it, and costs a compaction nothing", async () => {
    const fs = new FaultyFileSystem(1);
    const engine = await created(fs);
    await add(engine, [1, 2, 3]);
    await add(engine, [2]);
    const write = vi.spyOn(CollectionStore.prototype, "writeCheckpoint");
    const full = new LynseError("IO_ERROR", "no space left on the disk");
    write.mockRejectedValueOnce(full);
    expect(await codeOf(engine.checkpoint())).toBe("IO_ERROR");
    write.mockRejectedValueOnce(full);
    expect(await engine.compact(undefined)).toBe(1);
    expect([engine.generation.rowCount, liveIds(engine)]).toEqual([3, [1, 2, 3]]);
    await add(engine, [4]);
    await engine.close();
    const again = await opened(fs);
    expect(liveIds(again)).toEqual([1, 2, 3, 4]);
    await again.close();
  });

  test("is not tried again after every commit", async () => {
    const fs = new MemoryFileSystem();
    const engine = await created(fs);
    const write = vi.spyOn(CollectionStore.prototype, "writeCheckpoint");
    write.mockRejectedValue(new LynseError("IO_ERROR", "no space left on the disk"));
    await engine.prepareStaging();
    const text = JSON.stringify({ text: "x".repeat(4 * 1024 * 1024) });
    for (let id = 0; id < 17; id++) {
      const buffer = engine.newBuffer(1);
      buffer.stage("add", id, [1], text);
      await engine.commit(buffer);
      // Housekeeping asks for its turn soon after a commit.
      await new Promise((resolve) => setImmediate(resolve));
      await engine.exclusive(async () => {});
    }
    expect(write).toHaveBeenCalledTimes(1);
    write.mockRestore();
    await engine.close();
  });
});
