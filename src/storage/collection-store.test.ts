import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isLynseError } from "../errors.js";
import type { Id } from "../types.js";
import { CollectionStore } from "./collection-store.js";
import { FaultyFileSystem } from "./faulty-file-system.js";
import { encodeFileHeader, formatVersion } from "./file-header.js";
import type { FileSystem } from "./file-system.js";
import type { LogPosition } from "./log-position.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import type { ReplayVisitor } from "./replay-visitor.js";
import {
  contentAfter,
  createProbeStore,
  type ProbeTransaction,
  probe,
  probeConfig,
  readContent,
  readTail,
  transactionOf,
} from "./store-probe.js";

const folder = "/c";
const silent: ReplayVisitor = {
  ...{ rows() {}, superseded() {}, deleted() {}, restored() {} },
  ...{ moved() {}, fieldVectors() {}, sparse() {} },
};

const id: fc.Arbitrary<Id> = fc.oneof(
  fc.maxSafeNat(),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }),
  fc.constantFrom("1", "\u0000", "𝄞", "ä".repeat(300)),
);
const json = fc.oneof(
  fc.constant(""),
  fc.dictionary(fc.string({ unit: "grapheme" }), fc.jsonValue(), { maxKeys: 4 }).map((value) => JSON.stringify(value)),
  fc.nat(400).map((length) => `{"text":"${"ö".repeat(length)}"}`),
);
const row = fc.record({ id, json, vector: fc.array(fc.float({ noNaN: true }), { minLength: 3, maxLength: 3 }) });
const list = fc.array(fc.nat(1000), { maxLength: 30 });

/** A transaction whose lists name rows that exist once `rowsBefore` and its own are there. */
function transaction(rowsBefore: number): fc.Arbitrary<ProbeTransaction> {
  return fc
    .record(
      {
        rows: fc.array(row, { maxLength: 12 }),
        rangeStart: fc.option(
          fc.maxSafeNat().map((start) => Math.max(0, start - 100)),
          { nil: undefined },
        ),
        superseded: list,
        deleted: list,
        restored: list,
      },
      { requiredKeys: ["rows"] },
    )
    .map(({ rangeStart, rows, ...lists }) => {
      const count = rowsBefore + rows.length;
      const within = (numbers: readonly number[] = []): number[] => (count === 0 ? [] : numbers.map((n) => n % count));
      const { superseded, deleted, restored } = lists;
      return {
        rows,
        ...(rangeStart === undefined ? {} : { rangeStart }),
        superseded: within(superseded),
        deleted: within(deleted),
        restored: within(restored),
      };
    });
}

const transactions = fc
  .array(fc.nat(), { minLength: 1, maxLength: 6 })
  .chain((seeds) =>
    seeds.reduce<fc.Arbitrary<ProbeTransaction[]>>(
      (before) => before.chain((made) => transaction(contentAfter(made).rows.length).map((next) => [...made, next])),
      fc.constant([]),
    ),
  );

function isRefusal(code: Parameters<typeof isLynseError>[1]): (error: unknown) => boolean {
  return (error) => isLynseError(error, code);
}

async function failure(run: () => Promise<unknown> | unknown): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}

describe("what was appended is read back", () => {
  test("any rows and lists, in any grouping, with any frame limits", async () => {
    const limits = fc.record({ rowsMax: fc.integer({ min: 1, max: 5 }), bytesMax: fc.integer({ min: 1, max: 900 }) });
    const grouping = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 6, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(transactions, limits, grouping, fc.boolean(), async (all, frameLimits, groups, inPieces) => {
        const fs = new MemoryFileSystem();
        const store = await createProbeStore(fs, folder, { frameLimits });
        let middle: LogPosition | null = null;
        let before = 0;
        for (let from = 0, at = 0; from < all.length; at++) {
          const group = all.slice(from, from + groups[at]!);
          const result = await store.append(
            group.map((each) => transactionOf(each, inPieces)),
            "fsync",
          );
          expect(result.position).toEqual(store.position);
          from += group.length;
          if (middle === null) {
            middle = store.position;
            before = from;
          }
        }
        await store.close();
        const expected = contentAfter(all);
        const found = await probe(fs, folder, { isReadOnly: true });
        expect(found.content.rows).toEqual(expected.rows);
        expect(found.content.lists).toEqual(merged(expected.lists));
        const reader = await CollectionStore.open(fs, folder, { isReadOnly: true });
        const tail = await readTail(reader, middle!);
        expect(tail.rows).toEqual(expected.rows.slice(contentAfter(all.slice(0, before)).rows.length));
      }),
      { numRuns: 120 },
    );
  });

  test("appending tells where everything lies", async () => {
    const fs = new MemoryFileSystem();
    const store = await createProbeStore(fs, folder, { frameLimits: { rowsMax: 2, bytesMax: 10_000 } });
    const rows = [1, 2, 3].map((n) => ({ id: n, json: `{"n":${n}}`, vector: [n, n, n] }));
    const { frames, position } = await store.append([transactionOf({ rows })], "fsync");
    expect(frames.map(({ firstRow, rowCount }) => [firstRow, rowCount])).toEqual([
      [0, 2],
      [2, 1],
    ]);
    const first = frames[0]!;
    const secondOffset = first.fieldOffset + first.fieldLengths[0]!;
    expect(store.readField(secondOffset, first.fieldLengths[1]!, first.fieldCrcs[1]!)).toBe('{"n":2}');
    const second = frames[1]!;
    expect(store.readField(second.fieldOffset, second.fieldLengths[0]!, second.fieldCrcs[0]!)).toBe('{"n":3}');
    const logBytes = (await fs.readFile(`${folder}/g1/log-000001.lynse`, 1e6))!.length;
    expect(position).toEqual({ generation: 1, bytes: logBytes, rowCount: 3, batch: 1, slotCounts: [] });
    expect(store.diskUsage()).toEqual({ logBytes, vectorBytes: 64 + 3 * 12, derivedBytes: 0 });
  });

  test("metadata read at a wrong place is refused", async () => {
    const fs = new MemoryFileSystem();
    const store = await createProbeStore(fs, folder);
    const row = { id: 1, json: '{"a":1}', vector: [0, 0, 0] };
    const { frames } = await store.append([transactionOf({ rows: [row] })], "fsync");
    const { fieldOffset, fieldLengths, fieldCrcs } = frames[0]!;
    expect(await failure(() => store.readField(fieldOffset + 1, 7, fieldCrcs[0]!))).toSatisfy(isRefusal("CORRUPT"));
    expect(await failure(() => store.readField(1e9, 7, fieldCrcs[0]!))).toSatisfy(isRefusal("CORRUPT"));
    const span = failure(() => store.readFieldSpan(fieldOffset - 1, fieldLengths, fieldCrcs, () => {}));
    expect(await span).toSatisfy(isRefusal("CORRUPT"));
  });

  test("an empty append writes nothing", async () => {
    const fs = new FaultyFileSystem(1);
    const store = await createProbeStore(fs, folder);
    const before = fs.changes;
    const result = await store.append([transactionOf({}), transactionOf({ rows: [] })], "fsync");
    expect(result).toEqual({ frames: [], fieldVectors: [], sparse: [], position: store.position });
    expect(store.position.batch).toBe(0);
    expect(fs.changes).toBe(before);
  });
});

/** Consecutive lists of one kind at one place are told as one by the probe. */
function merged(lists: ReturnType<typeof contentAfter>["lists"]): ReturnType<typeof contentAfter>["lists"] {
  const result: ReturnType<typeof contentAfter>["lists"] = [];
  for (const each of lists) {
    const last = result.at(-1);
    if (last?.kind === each.kind && last.after === each.after) last.rows.push(...each.rows);
    else result.push({ ...each, rows: [...each.rows] });
  }
  return result;
}

describe("configuration", () => {
  test("it is kept, and the dimension is fixed once", async () => {
    const fs = new MemoryFileSystem();
    const store = await CollectionStore.create(fs, folder, probeConfig);
    await store.updateConfig({ dtype: "float16" });
    await store.updateConfig({ dim: 2, description: 'a "text"\n' });
    expect(await failure(() => store.updateConfig({ dim: 3 }))).toSatisfy(isRefusal("INTERNAL"));
    expect(await failure(() => store.updateConfig({ dtype: "float32" }))).toSatisfy(isRefusal("INTERNAL"));
    const { config } = await CollectionStore.open(fs, folder, { isReadOnly: true });
    expect(config).toEqual({ ...probeConfig, dtype: "float16", dim: 2, description: 'a "text"\n' });
    await store.append([transactionOf({ rows: [] })], "fsync");
    expect(store.diskUsage().vectorBytes).toBe(64);
  });

  test("float16 rows take two bytes a component", async () => {
    const fs = new MemoryFileSystem();
    const store = await CollectionStore.create(fs, folder, { ...probeConfig, dim: 3, dtype: "float16" });
    const part = { ...transactionOf({ rows: [{ id: 1, json: "", vector: [0] }] }).rows[0]! };
    const vectorBytes = [Uint8Array.of(1, 2, 3, 4, 5, 6)];
    await store.append([{ ...transactionOf({}), rows: [{ ...part, vectorBytes }] }], "fsync");
    expect((await fs.readFile(`${folder}/g1/vectors-default.lynse`, 100))!.subarray(64)).toEqual(vectorBytes[0]);
  });

  test("a collection is created once", async () => {
    const fs = new MemoryFileSystem();
    await createProbeStore(fs, folder);
    expect(await failure(() => createProbeStore(fs, folder))).toSatisfy(isRefusal("COLLECTION_EXISTS"));
    await CollectionStore.remove(fs, folder);
    await CollectionStore.remove(fs, folder);
    expect(await CollectionStore.exists(fs, folder)).toBe(false);
    const open = failure(() => CollectionStore.open(fs, folder, { isReadOnly: false }));
    expect(await open).toSatisfy(isRefusal("COLLECTION_NOT_FOUND"));
    await createProbeStore(fs, folder);
  });

  test("files of another life of the same name are not taken for this one's", async () => {
    const old = new MemoryFileSystem();
    await createProbeStore(old, folder);
    const fresh = new MemoryFileSystem();
    await createProbeStore(fresh, folder);
    for (const name of ["log-000001.lynse", "vectors-default.lynse"]) {
      const path = `${folder}/g1/${name}`;
      const own = (await fresh.readFile(path, 1e6))!;
      await overwrite(fresh, path, (await old.readFile(path, 1e6))!);
      const open = failure(() => CollectionStore.open(fresh, folder, { isReadOnly: false }));
      expect(await open).toSatisfy(isRefusal("CORRUPT"));
      await overwrite(fresh, path, own);
    }
    await CollectionStore.open(fresh, folder, { isReadOnly: false });
  });
});

async function overwrite(fs: FileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const handle = await fs.open(path, "write");
  await handle.truncate(0);
  await handle.write(bytes, 0);
  await handle.close();
}

describe("a newer format is refused by its number", () => {
  for (const [name, kind] of [
    ["log-000001.lynse", "LYNSELOG"],
    ["vectors-default.lynse", "LYNSEVEC"],
  ] as const) {
    test(name, async () => {
      const fs = new MemoryFileSystem();
      await createProbeStore(fs, folder);
      const bytes = encodeFileHeader(fs, { kind, generation: 1, salt: "00".repeat(8) });
      const view = new DataView(bytes.buffer);
      view.setUint32(8, formatVersion + 1, true);
      view.setUint32(12, fs.crc32(bytes.subarray(16), fs.crc32(bytes.subarray(0, 12))), true);
      await overwrite(fs, `${folder}/g1/${name}`, bytes);
      const error = await failure(() => CollectionStore.open(fs, folder, { isReadOnly: false }));
      expect(error).toSatisfy(isRefusal("FORMAT_TOO_NEW"));
      expect(String(error)).toContain(`${formatVersion + 1}`);
    });
  }

  test("the manifest", async () => {
    const fs = new MemoryFileSystem();
    await createProbeStore(fs, folder);
    const path = `${folder}/manifest.json`;
    const text = new TextDecoder().decode((await fs.readFile(path, 1e6))!).split("\n")[0]!;
    const line = new TextEncoder().encode(text.replace('"version":1', '"version":2'));
    const seal = new TextEncoder().encode(`\ncrc32 ${fs.crc32(line).toString(16).padStart(8, "0")}\n`);
    await overwrite(fs, path, Uint8Array.from([...line, ...seal]));
    const open = failure(() => CollectionStore.open(fs, folder, { isReadOnly: true }));
    expect(await open).toSatisfy(isRefusal("FORMAT_TOO_NEW"));
  });
});

describe("a reader beside the writer", () => {
  const batch = (n: number): ProbeTransaction => ({
    rows: [0, 1, 2].map((at) => ({ id: `r${n}-${at}`, json: `{"n":${n}}`, vector: [n, at, 0] })),
    ...(n > 0 ? { deleted: [n - 1] } : {}),
  });

  test("sees whole batches only, and follows", async () => {
    const fs = new MemoryFileSystem();
    const store = await createProbeStore(fs, folder, { frameLimits: { rowsMax: 1, bytesMax: 1000 } }, null);
    const reader = await CollectionStore.open(fs, folder, { isReadOnly: true });
    let { position } = await reader.replay(null, silent);
    await store.updateConfig({ dim: 3, description: "x" });
    for (let n = 0; n < 4; n++) {
      await store.append([transactionOf(batch(n))], n % 2 === 0 ? "os" : "fsync");
      expect(await readTail(reader, position)).toEqual({
        rows: contentAfter([batch(n)]).rows,
        lists: contentAfter([batch(n)]).lists.map((each) => ({ ...each, after: 3 })),
        attached: [],
      });
      position = reader.position;
      expect(position).toEqual(store.position);
      expect(reader.config.description).toBe("x");
    }
  });

  test("sees no part of a batch at any moment of its being written", async () => {
    // The writer is stopped in the middle of every changing call; a reader then looks at what is in the files.
    const whole = [JSON.stringify(contentAfter([batch(0)])), JSON.stringify(contentAfter([batch(0), batch(1)]))];
    const seen = new Set<string>();
    for (let at = 1; ; at++) {
      const fs = new FaultyFileSystem(at);
      const store = await createProbeStore(fs, folder, { frameLimits: { rowsMax: 1, bytesMax: 100 } });
      await store.append([transactionOf(batch(0))], "fsync");
      fs.arm({ crashAtChange: at, isShort: true });
      await store.append([transactionOf(batch(1))], "fsync").catch(() => {});
      for (const loss of ["torn", "kept"] as const) {
        const found = JSON.stringify((await probe(fs.afterPowerLoss(loss, at), folder, { isReadOnly: true })).content);
        expect(whole).toContain(found);
        seen.add(found);
      }
      if (!fs.isCrashed) break;
    }
    expect(seen.size).toBe(2);
  });

  test("does not take growth of the file for damage", async () => {
    // Between the reader's look at an unfinished batch and its search for a later one, the writer finishes both.
    const fs = new MemoryFileSystem();
    const store = await createProbeStore(fs, folder);
    await store.append([transactionOf(batch(0))], "fsync");
    const path = `${folder}/g1/log-000001.lynse`;
    const before = store.position;
    await store.append([transactionOf(batch(1))], "fsync");
    await store.append([transactionOf(batch(2))], "fsync");
    const whole = (await fs.readFile(path, 1e6))!;
    const handle = await fs.open(path, "write");
    await handle.write(new Uint8Array(60), before.bytes);
    const slow = new SlowToSee(fs, path, async () => handle.write(whole.slice(before.bytes), before.bytes));
    const reader = await CollectionStore.open(slow, folder, { isReadOnly: true });
    const { content } = await readContent(reader);
    expect(slow.hasChanged).toBe(true);
    expect(content.rows).toEqual(contentAfter([batch(0), batch(1), batch(2)]).rows);
  });

  test("is told of a new generation and of a dropped collection", async () => {
    const fs = new MemoryFileSystem();
    const store = await createProbeStore(fs, folder);
    await store.append([transactionOf(batch(0))], "fsync");
    const reader = await CollectionStore.open(fs, folder, { isReadOnly: true });
    await reader.replay(null, silent);
    expect(await reader.hasNewGeneration()).toBe(false);
    const writer = await store.beginGeneration();
    await writer.append([transactionOf(batch(5))]);
    expect(await reader.hasNewGeneration()).toBe(false);
    const next = await writer.finish();
    expect(await reader.hasNewGeneration()).toBe(true);
    // Both go on reading what they have open.
    expect((await readTail(reader, reader.position)).rows).toEqual([]);
    expect(await failure(() => store.append([transactionOf(batch(1))], "fsync"))).toSatisfy(isRefusal("CLOSED"));
    await store.close();
    expect((await fs.list(folder)).map(({ name }) => name)).toEqual(["g2", "manifest.json"]);
    expect(next.generation).toBe(2);
    await next.append([transactionOf({ deleted: [0] })], "fsync");
    await CollectionStore.remove(fs, folder);
    expect(await failure(() => reader.hasNewGeneration())).toSatisfy(isRefusal("CLOSED"));
    await createProbeStore(fs, folder);
    expect(await reader.hasNewGeneration()).toBe(true);
  });

  test("may not write", async () => {
    const fs = new MemoryFileSystem();
    await (await createProbeStore(fs, folder)).close();
    const reader = await CollectionStore.open(fs, folder, { isReadOnly: true });
    await reader.replay(null, silent);
    for (const write of [
      () => reader.append([], "fsync"),
      () => reader.updateConfig({ description: "x" }),
      () => reader.writeCheckpoint(reader.position, []),
      () => reader.beginGeneration(),
      () => reader.sync(),
    ]) {
      expect(await failure(write)).toSatisfy(isRefusal("READ_ONLY"));
    }
  });
});

/** Reads a file as it was, until the second read after its size was asked for, and as it became from then on. */
class SlowToSee extends MemoryFileSystem {
  readonly #inner: FileSystem;
  readonly #path: string;
  readonly #change: () => Promise<void>;
  #reads = 0;
  hasChanged = false;

  constructor(inner: FileSystem, path: string, change: () => Promise<void>) {
    super();
    this.#inner = inner;
    this.#path = path;
    this.#change = change;
  }

  override async open(path: string, mode: "read" | "write"): Promise<Awaited<ReturnType<FileSystem["open"]>>> {
    const handle = await this.#inner.open(path, mode);
    if (path !== this.#path) return handle;
    const read = async (target: Uint8Array, position: number): Promise<number> => {
      // The header of the file, then the first window of frames; the search for a later frame comes third.
      if (++this.#reads === 3) {
        await this.#change();
        this.hasChanged = true;
      }
      return handle.read(target, position);
    };
    return {
      read,
      readNow: (target, position) => handle.readNow(target, position),
      write: (source, position) => handle.write(source, position),
      sync: () => handle.sync(),
      truncate: (size) => handle.truncate(size),
      size: () => handle.size(),
      close: () => handle.close(),
    };
  }

  override readFile(path: string, bytesMax: number): Promise<Uint8Array | null> {
    return this.#inner.readFile(path, bytesMax);
  }

  override list(path: string): ReturnType<FileSystem["list"]> {
    return this.#inner.list(path);
  }
}

describe("a failed append", () => {
  const row = (n: number): ProbeTransaction => ({ rows: [{ id: n, json: `{"n":${n}}`, vector: [n, n, n] }] });
  const long: ProbeTransaction = { rows: Array.from({ length: 40 }, (_, at) => row(at).rows![0]!) };
  const options = { frameLimits: { rowsMax: 7, bytesMax: 10_000 } };

  test("for lack of space leaves nothing behind, and the next one succeeds", async () => {
    let failures = 0;
    for (let at = 1; at < 12; at++) {
      const fs = new FaultyFileSystem(at);
      const store = await createProbeStore(fs, folder, options);
      await store.append([transactionOf(row(1))], "fsync");
      const before = store.position;
      fs.arm({ failAtCall: at, errno: "ENOSPC", staysFull: true });
      const isWrite = await store.append([transactionOf(long)], "fsync").then(
        () => false,
        (error: unknown) => isLynseError(error, "NO_SPACE") && fs.trace[at - 1]!.startsWith("write"),
      );
      fs.heal();
      if (!isWrite) continue;
      failures++;
      expect(store.position).toEqual(before);
      expect(store.poison).toBe(null);
      expect((await fs.readFile(`${folder}/g1/log-000001.lynse`, 1e6))!.length).toBe(before.bytes);
      expect((await fs.readFile(`${folder}/g1/vectors-default.lynse`, 1e6))!.length).toBe(64 + 12);
      // What the failed call wrote must not come back, whatever of the shorter one is lost.
      await store.append([transactionOf(row(2))], "os");
      const lost = await probe(fs.afterPowerLoss("dropped", at), folder, { isReadOnly: false });
      expect(lost.content).toEqual(contentAfter([row(1)]));
      await store.append([transactionOf(row(3))], "fsync");
      const kept = await probe(fs.afterPowerLoss("reordered", at), folder, { isReadOnly: false });
      expect(kept.content).toEqual(contentAfter([row(1), row(2), row(3)]));
    }
    expect(failures).toBeGreaterThan(1);
  });

  test("in its sync ends writing, not reading, until the collection is opened again", async () => {
    const fs = new FaultyFileSystem(1);
    const store = await createProbeStore(fs, folder, options);
    const { frames } = await store.append([transactionOf(row(1))], "fsync");
    fs.arm({ failAtCall: 3, errno: "EIO" });
    const error = await failure(() => store.append([transactionOf(row(2))], "fsync"));
    expect(fs.trace[2]).toContain("sync");
    expect(error).toSatisfy(isRefusal("IO_ERROR"));
    fs.heal();
    expect(store.poison?.code).toBe("IO_ERROR");
    for (const write of [
      () => store.append([transactionOf(row(3))], "os"),
      () => store.writeCheckpoint(store.position, []),
      () => store.sync(),
    ]) {
      expect(String(await failure(write))).toContain("nothing more can be written");
    }
    const { fieldOffset, fieldLengths, fieldCrcs } = frames[0]!;
    expect(store.readField(fieldOffset, fieldLengths[0]!, fieldCrcs[0]!)).toBe('{"n":1}');
    await store.close();
    const again = await CollectionStore.open(fs, folder, { isReadOnly: false });
    const { rowCount } = await again.replay(null, silent);
    expect(rowCount).toBeLessThanOrEqual(2);
    await again.append([transactionOf(row(4))], "fsync");
  });

  test("does not write when the lock was lost", async () => {
    const fs = new FaultyFileSystem(1);
    let isHeld = true;
    const assertMayWrite = async (): Promise<void> => {
      if (!isHeld) throw new Error("lost");
    };
    const store = await createProbeStore(fs, folder, { assertMayWrite });
    await store.append([transactionOf(row(1))], "fsync");
    isHeld = false;
    const before = fs.changes;
    expect(String(await failure(() => store.append([transactionOf(row(2))], "fsync")))).toContain("lost");
    expect(String(await failure(() => store.updateConfig({ description: "x" })))).toContain("lost");
    expect(fs.changes).toBe(before);
  });
});

describe("leftovers of a crash", () => {
  test("are removed by the next writable open; files of others are not", async () => {
    const fs = new MemoryFileSystem();
    const store = await createProbeStore(fs, folder);
    await store.append([transactionOf({ rows: [{ id: 1, json: "", vector: [1, 2, 3] }] })], "fsync");
    await store.writeCheckpoint(store.position, [{ name: "a", bytes: Uint8Array.of(1) }]);
    await store.close();
    const put = async (path: string): Promise<void> => {
      await fs.makeFolder(path.slice(0, path.lastIndexOf("/")));
      await fs.openExclusive(path, Uint8Array.of(1, 2, 3));
    };
    const ours = ["manifest.json.tmp", "g2/log-000001.lynse", "g17/x", "g1/derived-0000000000000009.lynse.tmp"];
    const others = ["notes.txt", "g1/notes.txt", "backup/x", "g1/derived-garbage"];
    for (const name of [...ours, ...others]) await put(`${folder}/${name}`);
    await probe(fs, folder, { isReadOnly: true });
    for (const name of ours) expect(await fs.exists(`${folder}/${name}`), name).toBe(true);
    const found = await probe(fs, folder, { isReadOnly: false });
    expect(found.content.rows.length).toBe(1);
    for (const name of ours) expect(await fs.exists(`${folder}/${name}`), name).toBe(false);
    for (const name of others) expect(await fs.exists(`${folder}/${name}`), name).toBe(true);
  });

  test("an abandoned generation leaves the old one as it was", async () => {
    const fs = new MemoryFileSystem();
    const store = await createProbeStore(fs, folder);
    await store.append([transactionOf({ rows: [{ id: 1, json: "", vector: [1, 2, 3] }] })], "fsync");
    const writer = await store.beginGeneration();
    await writer.append([transactionOf({ rows: [{ id: 2, json: "", vector: [1, 2, 3] }] })]);
    await writer.abort();
    expect(await fs.exists(`${folder}/g2`)).toBe(false);
    await store.append([transactionOf({ rows: [{ id: 3, json: "", vector: [1, 2, 3] }] })], "fsync");
    await store.close();
    const { content } = await probe(fs, folder, { isReadOnly: false });
    expect(content.rows.map((row) => row.id)).toEqual([1, 3]);
  });

  test("only the newest checkpoint is kept", async () => {
    const fs = new MemoryFileSystem();
    const store = await createProbeStore(fs, folder);
    for (let n = 0; n < 3; n++) {
      await store.append([transactionOf({ rows: [{ id: n, json: "", vector: [1, 2, 3] }] })], "os");
      await store.writeCheckpoint(store.position, [{ name: "n", bytes: Uint8Array.of(n) }]);
    }
    const names = (await fs.list(`${folder}/g1`)).map(({ name }) => name);
    expect(names.filter((name) => name.startsWith("derived-")).length).toBe(1);
    const checkpoint = await store.readCheckpoint();
    expect(checkpoint?.position).toEqual(store.position);
    expect(checkpoint?.sections.get("n")).toEqual(Uint8Array.of(2));
    expect(store.diskUsage().derivedBytes).toBeGreaterThan(64);
  });
});
