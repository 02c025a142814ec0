import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isLynseError, type LynseError } from "../errors.js";
import { CollectionStore } from "./collection-store.js";
import { FaultyFileSystem } from "./faulty-file-system.js";
import { decodeFieldVectorsSection, encodeFieldVectorsSection } from "./field-vectors-section.js";
import type { FileSystem } from "./file-system.js";
import { decodeFrameContent } from "./frame-content.js";
import { encodeFrameHeader, frameHeaderBytes, frameKinds } from "./log-frame.js";
import type { LogPosition } from "./log-position.js";
import { type CollectionConfig, readManifest, type VectorFieldConfig } from "./manifest.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import { decodeMovedRowsSection, encodeMovedRowsSection } from "./moved-rows-section.js";
import { encodeSealedJson } from "./sealed-json.js";
import { decodeSparseSection, encodeSparseSection } from "./sparse-section.js";
import {
  contentAfter,
  createProbeStore,
  type ProbeTransaction,
  probe,
  probeConfig,
  probeFields,
  readContent,
  readTail,
  transactionOf,
} from "./store-probe.js";
import { checkVectorFieldName } from "./vector-field-name.js";

const folder = "/c";
const strides = [8, 6] as const;

async function failure(run: () => Promise<unknown> | unknown): Promise<LynseError> {
  try {
    await run();
  } catch (error) {
    if (isLynseError(error)) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

function rowsOf(from: number, count: number): NonNullable<ProbeTransaction["rows"]> {
  return Array.from({ length: count }, (_, at) => ({ id: from + at, json: `{"n":${from + at}}`, vector: [at, 0, 1] }));
}

function bytes(seed: number, length: number): number[] {
  return Array.from({ length }, (_, at) => (seed * 37 + at * 11) & 0xff);
}

function vectors(field: 0 | 1, ...rows: number[]): NonNullable<ProbeTransaction["fieldVectors"]>[number] {
  return { field, rows, vectors: rows.map((row) => bytes(row + 1, strides[field])) };
}

function createStore(fs: FileSystem, fields: readonly VectorFieldConfig[] = probeFields): Promise<CollectionStore> {
  return createProbeStore(fs, folder, { frameLimits: { rowsMax: 2, bytesMax: 100 } }, 3, fields);
}

/** Attachments of one transaction, to rows below `rowCount`. */
function attachments(rowCount: number): fc.Arbitrary<ProbeTransaction> {
  const row = fc.nat(rowCount - 1);
  const byte = fc.nat(255);
  const fieldPart = fc.constantFrom(0 as const, 1 as const).chain((field) =>
    fc.array(fc.tuple(row, fc.array(byte, { minLength: strides[field], maxLength: strides[field] }))).map((list) => ({
      field,
      rows: list.map(([each]) => each),
      vectors: list.map(([, vector]) => vector),
    })),
  );
  const sparsePart = fc.array(fc.tuple(row, fc.array(byte, { maxLength: 40 }))).map((list) => ({
    rows: list.map(([each]) => each),
    bytes: list.map(([, form]) => form),
  }));
  return fc.record(
    {
      moved: fc.array(fc.tuple(row, row)),
      fieldVectors: fc.array(fieldPart, { maxLength: 3 }),
      sparse: fc.array(sparsePart, { maxLength: 2 }),
    },
    { requiredKeys: [] },
  );
}

describe("what hangs on rows is read back", () => {
  test("in any amount, in any grouping, with any frame limits", async () => {
    const limits = fc.record({ rowsMax: fc.integer({ min: 1, max: 5 }), bytesMax: fc.integer({ min: 1, max: 300 }) });
    const all = fc.array(fc.nat(4), { minLength: 1, maxLength: 5 }).chain((counts) => {
      let rowCount = 1;
      return fc.tuple(
        ...counts.map((count, at) => {
          const added = at === 0 ? count + 1 : count;
          const rows = rowsOf(rowCount, added);
          rowCount += added;
          return attachments(rowCount - 1).map((hanging): ProbeTransaction => ({ rows, ...hanging }));
        }),
      );
    });
    await fc.assert(
      fc.asyncProperty(
        all,
        limits,
        fc.integer({ min: 1, max: 3 }),
        fc.boolean(),
        async (list, frameLimits, step, one) => {
          const fs = new MemoryFileSystem();
          const store = await createProbeStore(fs, folder, { frameLimits }, 3, probeFields);
          let middle: LogPosition | null = null;
          for (let from = 0; from < list.length; from += step) {
            const group = list.slice(from, from + step).map((each) => transactionOf(each, one));
            await store.append(group, "fsync");
            middle ??= store.position;
          }
          const expected = contentAfter(list);
          const { position } = store;
          await store.close();
          expect((await probe(fs, folder, { isReadOnly: false })).content.attached).toEqual(expected.attached);
          const reader = await CollectionStore.open(fs, folder, { isReadOnly: true });
          const { attached } = await readTail(reader, middle!);
          expect(attached.map(({ value }) => value)).toEqual(
            expected.attached.slice(contentAfter(list.slice(0, step)).attached.length).map(({ value }) => value),
          );
          expect(reader.position).toEqual(position);
        },
      ),
      { numRuns: 150 },
    );
  });

  test("appending tells where everything lies", async () => {
    const fs = new MemoryFileSystem();
    const store = await createStore(fs);
    const first = { rows: rowsOf(0, 3), fieldVectors: [vectors(1, 2)], sparse: [{ rows: [0], bytes: [bytes(1, 4)] }] };
    await store.append([transactionOf(first)], "fsync");
    const sparse = [{ rows: [2, 1, 0], bytes: [bytes(2, 40), [], bytes(3, 7)] }];
    const second = { fieldVectors: [vectors(0, 1, 0, 2), vectors(1, 0)], sparse };
    const result = await store.append([transactionOf(second)], "fsync");
    expect(result.fieldVectors.map((part) => [part.fieldNumber, part.firstSlot, part.count, ...part.rows])).toEqual([
      [0, 0, 2, 1, 0],
      [0, 2, 1, 2],
      [1, 1, 1, 0],
    ]);
    expect(result.sparse.map(({ rows }) => [...rows])).toEqual([[2, 1], [0]]);
    const { offset, lengths, crcs } = result.sparse[0]!;
    expect([...store.readSparse(offset, lengths[0]!, crcs[0]!)]).toEqual(bytes(2, 40));
    expect(store.readSparse(offset + 40, lengths[1]!, crcs[1]!).length).toBe(0);
    expect(store.position.slotCounts).toEqual([3, 2]);
    expect(store.diskUsage().vectorBytes).toBe(64 + 3 * 12 + (64 + 3 * 8) + (64 + 2 * 6));
    expect((await fs.readFile(`${folder}/g1/vectors-title.lynse`, 1e6))!.length).toBe(64 + 3 * 8);
    expect((await failure(() => store.readSparse(offset + 1, 40, crcs[0]!))).code).toBe("CORRUPT");
    const span = failure(() => store.readSparseSpan(offset + 1, lengths, crcs, () => {}));
    expect((await span).code).toBe("CORRUPT");
  });

  test("texts of metadata come as verified bytes, back to back", async () => {
    const store = await createStore(new MemoryFileSystem());
    const { frames } = await store.append([transactionOf({ rows: rowsOf(8, 2) })], "fsync");
    const { fieldOffset, fieldLengths, fieldCrcs } = frames[0]!;
    const told: unknown[] = [];
    await store.readFieldSpanBytes(fieldOffset, fieldLengths, fieldCrcs, (chunk, first, end) => {
      told.push([new TextDecoder().decode(chunk), first, end]);
    });
    expect(told).toEqual([['{"n":8}{"n":9}', 0, 2]]);
    const wrong = failure(() => store.readFieldSpanBytes(fieldOffset + 1, fieldLengths, fieldCrcs, () => {}));
    expect((await wrong).code).toBe("CORRUPT");
  });

  test("a new generation takes everything along", async () => {
    const fs = new MemoryFileSystem();
    const store = await createStore(fs);
    await store.append([transactionOf({ rows: rowsOf(0, 3), fieldVectors: [vectors(0, 0, 1, 2)] })], "fsync");
    const writer = await store.beginGeneration();
    const kept = { rows: rowsOf(1, 2), fieldVectors: [vectors(0, 1), vectors(1, 0)], moved: [[0, 1] as const] };
    await writer.append([transactionOf(kept)]);
    const next = await writer.finish();
    await store.close();
    expect(next.config.vectorFields).toEqual(probeFields);
    const after = { fieldVectors: [vectors(0, 0)], sparse: [{ rows: [1], bytes: [bytes(9, 9)] }] };
    await next.append([transactionOf(after)], "fsync");
    expect(next.position.slotCounts).toEqual([2, 1]);
    await next.close();
    expect((await probe(fs, folder, { isReadOnly: false })).content).toEqual(contentAfter([kept, after]));
  });

  test("an append that could not be read again is refused, and stores nothing", async () => {
    const fs = new MemoryFileSystem();
    const store = await createStore(fs);
    await store.append([transactionOf({ rows: rowsOf(0, 2) })], "fsync");
    const bad: ProbeTransaction[] = [
      { fieldVectors: [vectors(0, 2)] },
      { moved: [[0, 2]] },
      { moved: [[7, 0]] },
      { sparse: [{ rows: [2], bytes: [[1]] }] },
      { fieldVectors: [{ field: 2, rows: [0], vectors: [bytes(1, 8)] }] },
      { fieldVectors: [{ field: 0, rows: [0, 1], vectors: [bytes(1, 8)] }] },
    ];
    for (const each of bad) {
      const append = (): Promise<unknown> => store.append([transactionOf({ rows: rowsOf(2, 0), ...each })], "fsync");
      expect((await failure(append)).code).toBe("INTERNAL");
    }
    const good = { fieldVectors: [vectors(0, 1)] };
    await store.append([transactionOf(good)], "fsync");
    await store.close();
    const { content, droppedBytes } = await probe(fs, folder, { isReadOnly: false });
    expect(content).toEqual(contentAfter([{ rows: rowsOf(0, 2) }, good]));
    expect(droppedBytes).toBe(0);
  });
});

describe("fields", () => {
  test("can be added, and change their index, but not their shape or place", async () => {
    const fs = new MemoryFileSystem();
    const store = await createProbeStore(fs, folder);
    const [title, image] = probeFields as readonly [VectorFieldConfig, VectorFieldConfig];
    await store.append([transactionOf({ rows: rowsOf(0, 2) })], "fsync");
    await store.updateConfig({ vectorFields: [title] });
    await store.append([transactionOf({ fieldVectors: [vectors(0, 1)] })], "fsync");
    const patch = { vectorFields: [{ ...title, index: "HNSW-COS" }, image], embedder: { name: "hash", dim: 3 } };
    await store.updateConfig(patch);
    await store.updateConfig({ text: { fields: ["a", "b"], k1: 1.2 } });
    for (const vectorFields of [
      [],
      [image, title],
      [title],
      [{ ...title, dim: 3 }, image],
      [{ ...title, dtype: "float16" as const }, image],
    ]) {
      expect((await failure(() => store.updateConfig({ vectorFields }))).code).toBe("INTERNAL");
    }
    await store.append([transactionOf({ fieldVectors: [vectors(1, 0), vectors(0, 0)] })], "fsync");
    await store.close();
    const { config, content } = await probe(fs, folder, { isReadOnly: true });
    expect(config).toEqual({ ...probeConfig, dim: 3, ...patch, text: { fields: ["a", "b"], k1: 1.2 } });
    expect(content.attached.map(({ kind, row }) => [kind, row])).toEqual([
      ["field 0", 1],
      ["field 1", 0],
      ["field 0", 0],
    ]);
  });

  test("a configuration that could not be read again is not written", async () => {
    const fs = new MemoryFileSystem();
    const store = await createStore(fs);
    for (const name of ["Title", "default", "../x", "", "ä"]) {
      const vectorFields = [...probeFields, { ...probeFields[0]!, name }];
      expect((await failure(() => store.updateConfig({ vectorFields }))).code, name).toBe("INTERNAL");
    }
    const text = { stopWords: Array.from({ length: 200_000 }, (_, at) => `word${at}`) };
    expect((await failure(() => store.updateConfig({ text }))).code).toBe("LIMIT_EXCEEDED");
    expect((await readManifest(fs, folder))?.config.vectorFields).toEqual(probeFields);
    expect(store.config.text).toBe(undefined);
  });

  test("names are letters, digits, '_' and '-', and differ in more than case", async () => {
    for (const name of ["title", "A_1-b", "x".repeat(128)]) checkVectorFieldName(name, ["other"]);
    for (const name of ["", "a.b", "a b", "default", "DEFAULT", "x".repeat(129), 3, null, "TITLE", "title"]) {
      expect((await failure(() => checkVectorFieldName(name, ["title"]))).code).toBe("INVALID_ARGUMENT");
    }
  });

  test("a file that a crash left before the manifest named it is replaced", async () => {
    const fs = new FaultyFileSystem(1);
    const store = await createProbeStore(fs, folder);
    await store.append([transactionOf({ rows: rowsOf(0, 2) })], "fsync");
    fs.arm({ failAtCall: 6, errno: "EIO" });
    const other = { ...probeFields[0]!, dim: 7 };
    expect((await failure(() => store.updateConfig({ vectorFields: [other] }))).code).toBe("IO_ERROR");
    fs.heal();
    expect(await fs.exists(`${folder}/g1/vectors-title.lynse`)).toBe(true);
    // What failed may count by now: in this process, only the same file can be used again.
    expect((await failure(() => store.updateConfig({ vectorFields: probeFields }))).code).toBe("IO_ERROR");
    const next = fs.afterPowerLoss("kept", 1);
    const reopened = await CollectionStore.open(next, folder, { isReadOnly: false });
    await readContent(reopened);
    expect(reopened.config.vectorFields).toBe(undefined);
    await reopened.updateConfig({ vectorFields: probeFields });
    await reopened.append([transactionOf({ fieldVectors: [vectors(0, 1)] })], "fsync");
    await reopened.close();
    expect((await probe(next, folder, { isReadOnly: true })).content.attached.length).toBe(1);
  });

  test("a change that failed is made again", async () => {
    for (let at = 1; at < 12; at++) {
      const fs = new FaultyFileSystem(1);
      const store = await createProbeStore(fs, folder);
      fs.arm({ failAtCall: at, errno: "EIO" });
      await store.updateConfig({ vectorFields: probeFields }).catch(() => {});
      fs.heal();
      await store.updateConfig({ vectorFields: probeFields });
      await store.append([transactionOf({ rows: rowsOf(0, 1), fieldVectors: [vectors(1, 0)] })], "fsync");
      const found = await probe(fs.afterPowerLoss("dropped", at), folder, { isReadOnly: false });
      expect(found.content.attached.length).toBe(1);
    }
  });

  test("only files that were written to are synced", async () => {
    const fs = new FaultyFileSystem(1);
    const store = await createStore(fs);
    const syncsOf = async (transaction: ProbeTransaction): Promise<number> => {
      fs.arm({});
      await store.append([transactionOf(transaction)], "fsync");
      return fs.trace.filter((call) => call.startsWith("sync")).length;
    };
    expect(await syncsOf({ rows: rowsOf(0, 2) })).toBe(2);
    expect(await syncsOf({ deleted: [0] })).toBe(1);
    expect(await syncsOf({ sparse: [{ rows: [1], bytes: [[1, 2]] }] })).toBe(1);
    expect(await syncsOf({ fieldVectors: [vectors(0, 1), vectors(1, 1)] })).toBe(3);
    expect(await syncsOf({ rows: rowsOf(2, 1), fieldVectors: [vectors(0, 1)] })).toBe(3);
  });

  test("indexes of fields whose names begin alike are not confused", async () => {
    const store = await createStore(new MemoryFileSystem());
    const names = ["a", "a-000001", "a-1", "default", "gone"];
    for (const name of names) {
      const place = await store.indexes.create(name);
      await store.indexes.save(place, { name: `FLAT-${name}`, parameters: {} }, []);
    }
    await store.indexes.create("a");
    for (const name of names) expect((await store.indexes.load(name, `FLAT-${name}`))?.place.field).toBe(name);
    await store.indexes.removeOthers("a", null);
    expect(await store.indexes.load("a", "FLAT-a")).toBe(null);
    for (const name of names.slice(1)) expect(await store.indexes.load(name, `FLAT-${name}`)).not.toBe(null);
  });
});

test("an index that was saved, and that the configuration does not name yet, hides none that it names", async () => {
  const store = await createStore(new MemoryFileSystem());
  for (const name of ["FLAT-L2-SQ8", "HNSW-L2"]) {
    await store.indexes.save(await store.indexes.create("default"), { name, parameters: {} }, []);
  }
  expect((await store.indexes.load("default", "FLAT-L2-SQ8"))?.place.number).toBe(1);
  expect((await store.indexes.load("default", "HNSW-L2"))?.place.number).toBe(2);
  expect(await store.indexes.load("default", "IVF-L2")).toBe(null);
});

describe("checkpoints", () => {
  const first = { rows: rowsOf(0, 2), fieldVectors: [vectors(1, 0, 1)] };
  const second = { fieldVectors: [vectors(1, 0), vectors(0, 1)], sparse: [{ rows: [0], bytes: [[1]] }] };

  async function stored(): Promise<{ fs: FaultyFileSystem; path: string; at: LogPosition }> {
    const fs = new FaultyFileSystem(1);
    const store = await createStore(fs);
    await store.append([transactionOf(first)], "fsync");
    await store.writeCheckpoint(store.position, [{ name: "mine", bytes: Uint8Array.of(1, 2, 3) }]);
    const at = store.position;
    await store.append([transactionOf(second)], "fsync");
    await store.close();
    const name = (await fs.list(`${folder}/g1`)).find((entry) => entry.name.startsWith("derived-"))!.name;
    return { fs, path: `${folder}/g1/${name}`, at };
  }

  test("know how many slots there were", async () => {
    const { fs, at } = await stored();
    const store = await CollectionStore.open(fs, folder, { isReadOnly: true });
    const checkpoint = await store.readCheckpoint();
    expect(checkpoint?.position).toEqual(at);
    expect(at.slotCounts).toEqual([0, 2]);
    expect([...checkpoint!.sections.keys()]).toEqual(["mine"]);
    const { attached } = await readTail(store, checkpoint!.position);
    expect(attached).toEqual(contentAfter([second]).attached.map((each) => ({ ...each, after: 0 })));
  });

  test("prove that a file of a field was longer", async () => {
    const { fs } = await stored();
    const handle = await fs.open(`${folder}/g1/vectors-image-1.lynse`, "write");
    await handle.truncate(64 + 6);
    for (const isReadOnly of [true, false]) {
      const error = await failure(() => probe(fs, folder, { isReadOnly }));
      expect(error.code).toBe("CORRUPT");
      expect(error.details["offset"]).toBe(64 + 6);
    }
  });

  test("damaged in their slot counts are none, and prove what their header says", async () => {
    const { fs, path, at } = await stored();
    const whole = (await fs.readFile(path, 1e6))!;
    // The sections are padded to 8, and the slot counts come first.
    await fs.flipBit(path, (whole.length - 16) * 8);
    const store = await CollectionStore.open(fs, folder, { isReadOnly: true });
    expect(await store.readCheckpoint()).toBe(null);
    expect((await readContent(store)).content).toEqual(contentAfter([first, second]));
    const log = await fs.open(`${folder}/g1/log-000001.lynse`, "write");
    await log.truncate(at.bytes - 8);
    expect((await failure(() => probe(fs, folder, { isReadOnly: false }))).code).toBe("CORRUPT");
  });
});

describe("files of earlier versions open", () => {
  test("a manifest and a checkpoint that know nothing of fields", async () => {
    const fs = new MemoryFileSystem();
    const store = await createProbeStore(fs, folder);
    await store.append([transactionOf({ rows: rowsOf(0, 2) })], "fsync");
    await store.writeCheckpoint(store.position, [{ name: "mine", bytes: Uint8Array.of(1) }]);
    await store.close();
    const text = new TextDecoder().decode((await fs.readFile(`${folder}/manifest.json`, 1e6))!);
    expect(text).not.toMatch(/vectorFields|embedder|"text"/);
    const { name } = (await fs.list(`${folder}/g1`)).find((entry) => entry.name.startsWith("derived-"))!;
    const checkpoint = new TextDecoder("latin1").decode((await fs.readFile(`${folder}/g1/${name}`, 1e6))!);
    expect(checkpoint).not.toContain("slots");
    const opened = await CollectionStore.open(fs, folder, { isReadOnly: false });
    const { position } = (await opened.readCheckpoint())!;
    expect(position.slotCounts).toEqual([]);
    expect(await readTail(opened, position)).toEqual({ rows: [], lists: [], attached: [] });
    await opened.updateConfig({ vectorFields: probeFields });
    await opened.append([transactionOf({ fieldVectors: [vectors(1, 0)] })], "fsync");
    await opened.close();
    const reader = await CollectionStore.open(fs, folder, { isReadOnly: true });
    expect((await readTail(reader, position)).attached.length).toBe(1);
  });

  test("a manifest whose new members are malformed is damage", async () => {
    const fs = new MemoryFileSystem();
    await createProbeStore(fs, folder);
    const manifest = (await readManifest(fs, folder))!;
    const field = { ...probeFields[0]! };
    const malformed: object[] = [
      { vectorFields: {} },
      { vectorFields: [1] },
      { vectorFields: [{ ...field, name: "a/b" }] },
      { vectorFields: [{ ...field, name: "default" }] },
      { vectorFields: [field, field] },
      { vectorFields: [field, { ...field, name: "TITLE" }] },
      { vectorFields: [{ ...field, dim: 0 }] },
      { vectorFields: [{ ...field, dim: 1e9 }] },
      { vectorFields: [{ ...field, dtype: "int8" }] },
      { vectorFields: [{ ...field, metric: null }] },
      { vectorFields: [{ ...field, indexParameters: { a: "b" } }] },
      { text: [] },
      { text: null },
      { embedder: { name: "a" } },
      { embedder: "a" },
    ];
    for (const members of malformed) {
      const config = { ...manifest.config, ...members } as CollectionConfig & { readonly [name: string]: never };
      const sealed = encodeSealedJson(fs, "lynsedb collection", { ...manifest, config });
      const handle = await fs.open(`${folder}/manifest.json`, "write");
      await handle.truncate(0);
      await handle.write(sealed, 0);
      expect((await failure(() => readManifest(fs, folder))).code, JSON.stringify(members)).toBe("CORRUPT");
    }
  });

  test("a kind of frame that is not known yet is refused by its version", async () => {
    const fs = new MemoryFileSystem();
    const store = await createStore(fs);
    const { bytes: offset } = store.position;
    const salt = (await fs.readFile(`${folder}/g1/log-000001.lynse`, 1e6))!.slice(24, 32);
    const frame = new Uint8Array(frameHeaderBytes);
    const header = {
      batch: 1,
      part: 0,
      isLast: true,
      syncedBytes: 0,
      kind: 8,
      indexBytes: 0,
      blobBytes: 0,
      indexCrc: 0,
    };
    encodeFrameHeader(fs, frame, salt, header);
    await (await fs.open(`${folder}/g1/log-000001.lynse`, "write")).write(frame, offset);
    expect((await failure(() => probe(fs, folder, { isReadOnly: true }))).code).toBe("FORMAT_TOO_NEW");
  });
});

describe("a field's file and the log", () => {
  test("what a crash left behind the last slot is cut, and told", async () => {
    const fs = new MemoryFileSystem();
    const store = await createStore(fs);
    const first = { rows: rowsOf(0, 2), fieldVectors: [vectors(1, 0, 1)] };
    await store.append([transactionOf(first)], "fsync");
    await store.close();
    const path = `${folder}/g1/vectors-image-1.lynse`;
    await (await fs.open(path, "write")).write(new Uint8Array(9).fill(7), 64 + 2 * 6);
    const { content, droppedBytes } = await probe(fs, folder, { isReadOnly: false });
    expect(content).toEqual(contentAfter([first]));
    expect(droppedBytes).toBe(9);
    expect((await fs.readFile(path, 1e6))!.length).toBe(64 + 2 * 6);
  });

  test("intact frames that contradict what is there are damage", async () => {
    const part = { fieldNumber: 0, firstSlot: 1, count: 1, vectorsCrc: 0, rows: Uint32Array.of(1) };
    const slots = (changed: Partial<typeof part>, dim = 2): [number, Uint8Array] => {
      const index = new Uint8Array(32);
      encodeFieldVectorsSection(index, { part: { ...part, ...changed }, dim });
      return [frameKinds.fieldVectors, index];
    };
    const pair = (from: number, to: number): [number, Uint8Array] => {
      const index = new Uint8Array(16);
      encodeMovedRowsSection(index, { from: Uint32Array.of(from), to: Uint32Array.of(to) }, 0, 1);
      return [frameKinds.moved, index];
    };
    const sparse = (row: number): [number, Uint8Array] => {
      const index = new Uint8Array(24);
      const [lengths, crcs] = [new Uint32Array(1), new Uint32Array(1)];
      encodeSparseSection(index, { rows: Uint32Array.of(row), lengths, crcs });
      return [frameKinds.sparse, index];
    };
    const outcomes: [string, [number, Uint8Array]][] = [
      ["fine", slots({})],
      ["slot numbers do not follow", slots({ firstSlot: 0 })],
      ["slot numbers do not follow", slots({ firstSlot: 2 })],
      ["another dimension", slots({}, 3)],
      ["no vector field 2", slots({ fieldNumber: 2 })],
      ["no vector field 4294967295", slots({ fieldNumber: 0xffff_ffff })],
      ["beyond the rows written", slots({ rows: Uint32Array.of(2) })],
      ["cannot be read", slots({ count: 3 })],
      ["fine", pair(0, 1)],
      ["beyond the rows written", pair(2, 1)],
      ["beyond the rows written", pair(1, 2)],
      ["fine", sparse(1)],
      ["beyond the rows written", sparse(2)],
    ];
    for (const [outcome, [kind, index]] of outcomes) {
      const fs = new MemoryFileSystem();
      const store = await createStore(fs);
      await store.append([transactionOf({ rows: rowsOf(0, 2), fieldVectors: [vectors(0, 1)] })], "fsync");
      const { bytes: end } = store.position;
      const salt = (await fs.readFile(`${folder}/g1/log-000001.lynse`, 1e6))!.slice(24, 32);
      if (kind === frameKinds.fieldVectors) {
        // Slots with the right checksum, so that the frame is not taken for a torn one.
        const path = `${folder}/g1/vectors-title.lynse`;
        await (await fs.open(path, "write")).write(new Uint8Array(64), 64 + 8);
        const view = new DataView(index.buffer);
        const start = 64 + view.getUint32(4, true) * 8;
        view.setUint32(16, fs.crc32((await fs.readFile(path, 1e6))!.subarray(start, start + 8)), true);
      }
      const frame = new Uint8Array(frameHeaderBytes + index.length);
      frame.set(index, frameHeaderBytes);
      const sizes = { kind, indexBytes: index.length, blobBytes: 0, indexCrc: fs.crc32(index) };
      encodeFrameHeader(fs, frame, salt, { ...sizes, batch: 2, part: 0, isLast: true, syncedBytes: end });
      await (await fs.open(`${folder}/g1/log-000001.lynse`, "write")).write(frame, end);
      const found = await probe(fs, folder, { isReadOnly: true }).catch((error: unknown) => error);
      if (outcome === "fine") expect(found).not.toBeInstanceOf(Error);
      else {
        expect(isLynseError(found, "CORRUPT"), `${outcome}: ${found}`).toBe(true);
        expect(String(found)).toContain(outcome);
      }
    }
  });
});

describe("a reader beside the writer", () => {
  test("sees fields that were created after it opened", async () => {
    const fs = new MemoryFileSystem();
    const store = await createProbeStore(fs, folder);
    const reader = await CollectionStore.open(fs, folder, { isReadOnly: true });
    const first = { rows: rowsOf(0, 2) };
    await store.append([transactionOf(first)], "fsync");
    expect((await readContent(reader)).content).toEqual(contentAfter([first]));
    let { position } = reader;
    for (const count of [1, 2] as const) {
      await store.updateConfig({ vectorFields: probeFields.slice(0, count) });
      const next = { fieldVectors: [vectors(count === 1 ? 0 : 1, 1)] };
      await store.append([transactionOf(next)], "os");
      expect((await readTail(reader, position)).attached).toEqual(
        contentAfter([next]).attached.map((each) => ({ ...each, after: 0 })),
      );
      position = reader.position;
      expect(position).toEqual(store.position);
      expect(reader.config.vectorFields?.length).toBe(count);
    }
  });

  test("stays at what it knows when the fields came with another generation", async () => {
    const fs = new MemoryFileSystem();
    const store = await createProbeStore(fs, folder);
    const reader = await CollectionStore.open(fs, folder, { isReadOnly: true });
    const first = { rows: rowsOf(0, 2) };
    await store.append([transactionOf(first)], "fsync");
    await store.updateConfig({ vectorFields: probeFields });
    await store.append([transactionOf({ fieldVectors: [vectors(0, 1)] })], "fsync");
    const writer = await store.beginGeneration();
    await writer.append([transactionOf(first)]);
    await (await writer.finish()).close();
    expect((await readContent(reader)).content).toEqual(contentAfter([first]));
    expect(reader.position.batch).toBe(1);
    expect(await reader.hasNewGeneration()).toBe(true);
  });
});

test("sections of any bytes are read or refused", () => {
  const words = fc.uint32Array({ maxLength: 12 }).map((list) => new Uint8Array(list.buffer.slice(0)));
  const any = fc.oneof(
    words,
    fc.uint8Array({ maxLength: 60 }).map((list) => list.slice()),
  );
  const small = fc.tuple(fc.nat(5), any).map(([count, tail]) => {
    const section = new Uint8Array(8 + (tail.length & ~7));
    section[0] = count;
    return section;
  });
  fc.assert(
    fc.property(fc.oneof(any, small), fc.nat(10), fc.nat(9), (section, blobBytes, kind) => {
      const moved = decodeMovedRowsSection(section);
      if (moved !== null) expect(moved.from.length).toBe(moved.to.length);
      const slots = decodeFieldVectorsSection(section);
      if (slots !== null) expect(slots.part.rows.length).toBe(slots.part.count);
      const sparse = decodeSparseSection(section, blobBytes);
      if (typeof sparse !== "string") {
        expect(sparse.lengths.reduce((sum, length) => sum + length, 0)).toBe(blobBytes);
        expect([sparse.lengths.length, sparse.crcs.length]).toEqual([sparse.rows.length, sparse.rows.length]);
      }
      const header = { kind, indexBytes: section.length, blobBytes, indexCrc: 0, batch: 1, part: 0 };
      decodeFrameContent({ ...header, isLast: true, syncedBytes: 0 }, section, 64);
    }),
  );
});
