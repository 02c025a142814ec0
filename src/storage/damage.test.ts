import { describe, expect, test } from "vitest";
import { isLynseError } from "../errors.js";
import { CollectionStore, type OpenOptions } from "./collection-store.js";
import { FaultyFileSystem } from "./faulty-file-system.js";
import type { FileSystem } from "./file-system.js";
import type { LogPosition } from "./log-position.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import {
  contentAfter,
  createProbeStore,
  emptyContent,
  type ProbeContent,
  type ProbeTransaction,
  probe,
  probeFields,
  readTail,
  transactionOf,
} from "./store-probe.js";

const folder = "/c";
const options = { frameLimits: { rowsMax: 2, bytesMax: 1000 } };
const readOnly: OpenOptions = { isReadOnly: true, ...options };
const writable: OpenOptions = { isReadOnly: false, ...options };

const batches: ProbeTransaction[] = [
  {
    rows: [0, 1, 2].map((n) => ({ id: `x${n}`, json: `{"n":${n}}`, vector: [n, n, 1] })),
    fieldVectors: [{ field: 0, rows: [2, 0, 1], vectors: [bytes(1, 8), bytes(2, 8), bytes(3, 8)] }],
    sparse: [{ rows: [0, 1], bytes: [bytes(4, 11), bytes(5, 5)] }],
  },
  { rows: [{ id: 7, json: "", vector: [9, 9, 9] }], superseded: [1], moved: [[1, 3]] },
  { deleted: [0, 2], fieldVectors: [{ field: 1, rows: [3], vectors: [bytes(6, 6)] }] },
  {
    rows: [3, 4].map((n) => ({ id: n, json: `{"n":${n},"s":"ö"}`, vector: [n, 0, -n] })),
    restored: [2],
    fieldVectors: [{ field: 0, rows: [4, 5, 0], vectors: [bytes(7, 8), bytes(8, 8), bytes(9, 8)] }],
    sparse: [{ rows: [5, 1], bytes: [bytes(10, 16), []] }],
  },
];

function bytes(seed: number, length: number): number[] {
  return Array.from({ length }, (_, at) => (seed * 37 + at * 11) & 0xff);
}

const files = {
  log: `${folder}/g1/log-000001.lynse`,
  vectors: `${folder}/g1/vectors-default.lynse`,
  field: `${folder}/g1/vectors-title.lynse`,
  manifest: `${folder}/manifest.json`,
};

/** A store of four batches with a checkpoint after the third. */
async function makeStore(): Promise<{ fs: FaultyFileSystem; at: LogPosition; checkpoint: string }> {
  const fs = new FaultyFileSystem(1);
  const store = await createProbeStore(fs, folder, options, 3, probeFields);
  for (const batch of batches.slice(0, 3)) await store.append([transactionOf(batch)], "fsync");
  const at = store.position;
  await store.writeCheckpoint(at, [
    { name: "one", bytes: [Uint8Array.of(1, 2, 3), Uint8Array.of(4)] },
    { name: "two", bytes: Uint8Array.of(5, 6) },
  ]);
  await store.append([transactionOf(batches[3]!)], "fsync");
  await store.close();
  const checkpoint = (await fs.list(`${folder}/g1`)).find(({ name }) => name.startsWith("derived-"))!.name;
  return { fs, at, checkpoint: `${folder}/g1/${checkpoint}` };
}

const whole = JSON.stringify(contentAfter(batches));
const prefixes = batches.map((_, count) => JSON.stringify(contentAfter(batches.slice(0, count))));

/** What opening finds: content, or the refusal, which must name file and offset. */
async function outcome(read: () => Promise<ProbeContent>): Promise<string> {
  try {
    return JSON.stringify(await read());
  } catch (error) {
    if (!isLynseError(error, "CORRUPT")) throw error;
    expect(typeof error.details["file"]).toBe("string");
    expect(typeof error.details["offset"]).toBe("number");
    return "CORRUPT";
  }
}

async function content(fs: FileSystem, open: OpenOptions): Promise<ProbeContent> {
  return (await probe(fs, folder, open)).content;
}

async function sizeOf(fs: FileSystem, path: string): Promise<number> {
  return (await fs.readFile(path, 1e6))!.length;
}

async function cut(fs: FileSystem, path: string, size: number): Promise<void> {
  const handle = await fs.open(path, "write");
  await handle.truncate(size);
  await handle.close();
}

/** Content after the checkpoint, on top of what it vouches for. */
async function tailAfter(fs: FileSystem, at: LogPosition): Promise<ProbeContent> {
  const store = await CollectionStore.open(fs, folder, readOnly);
  try {
    return await readTail(store, at);
  } finally {
    await store.close();
  }
}

describe("a flipped bit is found, or cuts the last batch, and is never served", () => {
  for (const path of [files.log, files.vectors, files.field]) {
    test(path, async () => {
      const { fs, at } = await makeStore();
      const wholeTail = JSON.stringify(await tailAfter(fs, at));
      const emptyTail = JSON.stringify(emptyContent());
      const seen = new Map<string, number>();
      const size = await sizeOf(fs, path);
      for (let byte = 0; byte < size; byte++) {
        const bit = byte * 8 + (byte % 8);
        await fs.flipBit(path, bit);
        const found = await outcome(() => content(fs, readOnly));
        expect([whole, prefixes[3], "CORRUPT"], `byte ${byte}`).toContain(found);
        const tail = await outcome(() => tailAfter(fs, at));
        expect([wholeTail, emptyTail, "CORRUPT"], `byte ${byte}, after the checkpoint`).toContain(tail);
        seen.set(found, (seen.get(found) ?? 0) + 1);
        await fs.flipBit(path, bit);
      }
      expect(await outcome(() => content(fs, writable))).toBe(whole);
      // Only padding may be flipped unseen, and only the last batch may be taken for torn.
      expect(seen.get(whole) ?? 0).toBeLessThan(path === files.log ? 8 : 1);
      expect(seen.get("CORRUPT")).toBeGreaterThan(size / 2);
      expect(seen.get(prefixes[3]!)).toBeGreaterThan(20);
    });
  }

  test("the log without a checkpoint: later batches prove that earlier ones were whole", async () => {
    const { fs, checkpoint } = await makeStore();
    await fs.remove(checkpoint);
    const store = await CollectionStore.open(fs, folder, readOnly);
    const ends: number[] = [];
    for (let count = 1; count <= batches.length; count++) {
      const short = new FaultyFileSystem(1);
      const copy = await createProbeStore(short, folder, options, 3, probeFields);
      for (const batch of batches.slice(0, count)) await copy.append([transactionOf(batch)], "fsync");
      ends.push(copy.position.bytes);
    }
    await store.close();
    let padding = 0;
    for (let byte = 0; byte < ends[3]!; byte++) {
      await fs.flipBit(files.log, byte * 8 + 3);
      // The metadata of a batch that is vouched for is verified when it is read: here, always.
      const found = await outcome(() => content(fs, readOnly));
      await fs.flipBit(files.log, byte * 8 + 3);
      if (found === whole) padding++;
      else expect(found, `byte ${byte}`).toBe(byte < ends[2]! ? "CORRUPT" : prefixes[3]);
    }
    // Fewer than the eight bytes of a salt that nobody compares.
    expect(padding).toBeLessThan(8);
  });

  test("the manifest", async () => {
    const { fs } = await makeStore();
    for (let bit = 0; bit < (await sizeOf(fs, files.manifest)) * 8; bit++) {
      await fs.flipBit(files.manifest, bit);
      expect(await outcome(() => content(fs, readOnly)), `bit ${bit}`).toBe("CORRUPT");
      await fs.flipBit(files.manifest, bit);
    }
  });

  test("a checkpoint: there is none then", async () => {
    const { fs, checkpoint } = await makeStore();
    const store = await CollectionStore.open(fs, folder, readOnly);
    const intact = await store.readCheckpoint();
    expect(intact?.sections.get("one")).toEqual(Uint8Array.of(1, 2, 3, 4));
    expect(intact?.sections.get("two")).toEqual(Uint8Array.of(5, 6));
    let missing = 0;
    const bits = (await sizeOf(fs, checkpoint)) * 8;
    for (let bit = 0; bit < bits; bit++) {
      await fs.flipBit(checkpoint, bit);
      const read = await store.readCheckpoint();
      if (read === null) missing++;
      else expect(read.sections).toEqual(intact?.sections);
      await fs.flipBit(checkpoint, bit);
    }
    // All but padding.
    expect(missing).toBeGreaterThan(bits * 0.85);
  });
});

describe("a file cut at any byte gives a committed prefix or is found", () => {
  for (const path of [files.log, files.vectors, files.field]) {
    test(path, async () => {
      const { fs: shrinking, at, checkpoint } = await makeStore();
      const seen = new Set<string>();
      for (let size = (await sizeOf(shrinking, path)) - 1; size >= 0; size--) {
        await cut(shrinking, path, size);
        const fs = shrinking.afterPowerLoss("kept", 1);
        const ends = {
          [files.log]: at.bytes,
          [files.vectors]: 64 + at.rowCount * 12,
          [files.field]: 64 + at.slotCounts[0]! * 8,
        };
        const isBeforeCheckpoint = size < ends[path]!;
        const found = await outcome(() => content(fs, readOnly));
        const tail = await outcome(() => tailAfter(fs, at));
        if (isBeforeCheckpoint) {
          // The checkpoint tells how much there must be.
          expect([found, tail], `size ${size}`).toEqual(["CORRUPT", "CORRUPT"]);
          await fs.remove(checkpoint);
        } else {
          expect(found, `size ${size}`).toBe(prefixes[3]);
          expect(tail, `size ${size}`).toBe(JSON.stringify(emptyContent()));
        }
        const without = await outcome(() => content(fs, readOnly));
        expect([...prefixes, "CORRUPT"], `size ${size}`).toContain(without);
        seen.add(without);
        if (without === "CORRUPT") continue;
        // What a writable open leaves is the same for every later one.
        expect(await outcome(() => content(fs, writable))).toBe(without);
        expect((await probe(fs, folder, writable)).droppedBytes).toBe(0);
      }
      expect(seen.size).toBeGreaterThan(path === files.log ? 3 : 1);
    });
  }

  test("the manifest", async () => {
    const { fs } = await makeStore();
    for (let size = (await sizeOf(fs, files.manifest)) - 1; size >= 0; size--) {
      await cut(fs, files.manifest, size);
      expect(await outcome(() => content(fs, readOnly)), `size ${size}`).toBe("CORRUPT");
    }
  });

  test("a checkpoint: there is none then", async () => {
    const { fs, checkpoint } = await makeStore();
    const store = await CollectionStore.open(fs, folder, readOnly);
    const unpadded = (await sizeOf(fs, checkpoint)) - 6;
    for (let size = unpadded - 1; size >= 0; size--) {
      await cut(fs, checkpoint, size);
      expect(await store.readCheckpoint(), `size ${size}`).toBe(null);
    }
  });

  test("a missing log or vector file is damage, not an empty collection", async () => {
    for (const path of [files.log, files.vectors, files.field]) {
      for (const open of [readOnly, writable]) {
        const { fs } = await makeStore();
        await fs.remove(path);
        expect(await outcome(() => content(fs, open))).toBe("CORRUPT");
        expect(await fs.exists(path)).toBe(false);
      }
    }
  });

  test("files full of garbage or zeros are refused", async () => {
    for (const path of Object.values(files)) {
      for (const fill of [0, 0xff, 0x41]) {
        const { fs } = await makeStore();
        const handle = await fs.open(path, "write");
        await handle.write(new Uint8Array(await sizeOf(fs, path)).fill(fill), 0);
        expect(await outcome(() => content(fs, writable)), `${path} ${fill}`).toBe("CORRUPT");
      }
    }
  });
});

test("a manifest of any size but the right one is damage", async () => {
  const { fs } = await makeStore();
  await cut(fs, files.manifest, 3 * 1024 * 1024);
  expect(await outcome(() => content(fs, readOnly))).toBe("CORRUPT");
});

describe("what lies behind the last batch", () => {
  test("zeros, garbage and a copy of an earlier frame are cut, and told", async () => {
    const { fs: source } = await makeStore();
    const log = (await source.readFile(files.log, 1e6))!;
    for (const extra of [new Uint8Array(500), new Uint8Array(77).fill(0x5a), log.slice(64, 400)]) {
      const { fs } = await makeStore();
      const handle = await fs.open(files.log, "write");
      await handle.write(extra, log.length);
      expect(await outcome(() => content(fs, readOnly))).toBe(whole);
      expect((await probe(fs, folder, writable)).droppedBytes).toBe(extra.length);
      expect(await sizeOf(fs, files.log)).toBe(log.length);
    }
  });

  test("metadata that looks like a frame is not one", async () => {
    const fs = new MemoryFileSystem();
    const store = await createProbeStore(fs, folder, options, 3, probeFields);
    await store.append([transactionOf(batches[0]!)], "fsync");
    const first = store.position.bytes;
    // The bytes of a true later frame of another log, as a row's text.
    const other = (await (await makeStore()).fs.readFile(files.log, 1e6))!.slice(first);
    const fieldEnds = Uint32Array.of(other.length);
    const vectorBytes = [new Uint8Array(12)];
    const part = { rowCount: 1, ids: { start: 50 }, fieldBytes: other, fieldEnds, vectorBytes };
    await store.append([{ ...transactionOf({}), rows: [part] }], "fsync");
    await store.close();
    await cut(fs, files.log, (await sizeOf(fs, files.log)) - 8);
    expect(await outcome(() => content(fs, writable))).toBe(prefixes[1]);
  });
});
