import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isLynseError } from "../errors.js";
import { BlobStore } from "./blob-store.js";
import { type CollectionConfig, CollectionStore } from "./collection-store.js";
import { FaultyFileSystem, type Loss } from "./faulty-file-system.js";
import type { FileSystem } from "./file-system.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import { SeededRandom } from "./seeded-random.js";

const folder = "/root/c";
const block = 64 * 1024;

async function newStore(fs: FileSystem = new MemoryFileSystem()): Promise<BlobStore> {
  await fs.makeFolder(folder);
  await fs.syncFolder("/root");
  await fs.syncFolder("/");
  return new BlobStore(fs, folder, async () => {});
}

function content(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8) * 7 + seed) & 0xff);
}

async function write(store: BlobStore, key: string, bytes: Uint8Array): Promise<void> {
  await (await store.stage(key, bytes)).commit();
}

function read(store: BlobStore, key: string): Promise<Uint8Array | null> {
  return store.open(key, (blob) => blob.read(0, blob.bytes));
}

/** As `toEqual`, at a thousandth of its time. */
function isSame(got: Uint8Array | null, wanted: Uint8Array): boolean {
  return got !== null && Buffer.compare(got, wanted) === 0;
}

/** Code of the error; null without one. */
async function codeOf(run: () => Promise<unknown>): Promise<string | null> {
  try {
    await run();
    return null;
  } catch (error) {
    if (!isLynseError(error)) throw error;
    if (error.code === "CORRUPT")
      expect(error.details).toMatchObject({ file: expect.any(String), offset: expect.any(Number) });
    return error.code;
  }
}

describe("blobs in files", () => {
  test("of any length come back as they were, whole and in parts", async () => {
    const store = await newStore();
    for (const length of [0, 1, 7, block - 1, block, block + 1, 3 * block + 5]) {
      const bytes = content(length);
      await write(store, `key ${length}`, bytes);
      expect(isSame(await read(store, `key ${length}`), bytes)).toBe(true);
      const ends = [0, 1, 5, block - 1, block, block + 1, 2 * block, length].filter((at) => at <= length);
      for (const from of ends) {
        for (const to of ends) {
          const part = await store.open(`key ${length}`, (blob) => blob.read(from, to));
          expect(isSame(part, bytes.slice(from, Math.max(from, to))), `${from} to ${to} of ${length}`).toBe(true);
        }
      }
    }
    // Long enough to be written and read in several steps.
    const long = content(9 * 1024 * 1024 + 3);
    await write(store, "long", long);
    expect(isSame(await read(store, "long"), long)).toBe(true);
    const part = (await store.open("long", (blob) => blob.read(4 * 1024 * 1024 - 1, 8 * 1024 * 1024 + 9)))!;
    expect(isSame(part, long.subarray(4 * 1024 * 1024 - 1, 8 * 1024 * 1024 + 9))).toBe(true);
    expect(part.buffer.byteLength).toBe(part.length);
  });

  test("have any text as a key; keys are told apart exactly", async () => {
    const store = await newStore();
    const keys = ["a", "A", "a ", "../../etc/passwd", "ä", "a\u0308", "\u0000", "é/\\:*?", "x".repeat(1024), "\ufeffa"];
    for (const [at, key] of keys.entries()) await write(store, key, Uint8Array.of(at));
    for (const [at, key] of keys.entries()) expect(await read(store, key)).toEqual(Uint8Array.of(at));
    expect((await store.list("")).map(({ key }) => key)).toEqual([...keys].sort());
    expect(await store.list("a")).toEqual([
      { key: "a", bytes: 1 },
      { key: "a ", bytes: 1 },
      { key: "a\u0308", bytes: 1 },
    ]);
    expect(await read(store, "b")).toBeNull();
    for (const file of await store.files()) expect(file).toMatch(/^\/root\/c\/blobs\/[0-9a-f]{64}\.lynse$/);
  });

  test("are replaced and removed; what was staged and given up leaves nothing", async () => {
    const fs = new MemoryFileSystem();
    const store = await newStore(fs);
    await write(store, "k", content(10));
    const first = await store.stage("k", content(20));
    const second = await store.stage("k", content(30));
    expect(await read(store, "k")).toEqual(content(10));
    await second.commit();
    await first.discard();
    expect(await read(store, "k")).toEqual(content(30));
    expect(await store.remove("k")).toBe(true);
    expect(await store.remove("k")).toBe(false);
    expect(await read(store, "k")).toBeNull();
    expect(await fs.list(`${folder}/blobs`)).toEqual([]);
  });

  test("are what they were when their reading began", async () => {
    const store = await newStore();
    await write(store, "k", content(3 * block));
    const seen = await store.open("k", async (blob) => {
      await write(store, "k", content(5, 9));
      return blob.read(0, blob.bytes);
    });
    expect(isSame(seen, content(3 * block))).toBe(true);
    expect(await read(store, "k")).toEqual(content(5, 9));
  });

  test("stay whole when the caller changes the bytes meanwhile", async () => {
    const store = await newStore();
    const bytes = content(5 * 1024 * 1024);
    const writing = write(store, "k", bytes);
    for (let round = 0; round < 50; round++) {
      bytes.fill(round);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writing;
    expect((await read(store, "k"))?.length).toBe(bytes.length);
  });

  test("that may not be written are not", async () => {
    const fs = new MemoryFileSystem();
    await fs.makeFolder(folder);
    let isWriter = true;
    const store = new BlobStore(fs, folder, async () => {
      if (!isWriter) throw new Error("not the writer");
    });
    await write(store, "k", content(3));
    const staged = await store.stage("k", content(4));
    isWriter = false;
    await expect(staged.commit()).rejects.toThrow("not the writer");
    await expect(store.stage("k", content(4))).rejects.toThrow("not the writer");
    await expect(store.remove("k")).rejects.toThrow("not the writer");
    expect(await read(store, "k")).toEqual(content(3));
  });
});

describe("damaged blobs", () => {
  test("any changed or missing byte is found, and nothing else is read wrongly", async () => {
    const fs = new MemoryFileSystem();
    const store = await newStore(fs);
    await write(store, "kéy", content(200));
    const [path] = await store.files();
    const intact = (await fs.readFile(path!, 1 << 20))!;
    const judge = async (bytes: Uint8Array): Promise<string | null> => {
      const damaged = MemoryFileSystem.of(
        new Map([
          ["/root", null],
          [folder, null],
          [`${folder}/blobs`, null],
          [path!, bytes],
        ]),
      );
      return codeOf(async () => {
        const found = await read(new BlobStore(damaged, folder, async () => {}), "kéy");
        // Padding holds nothing.
        expect(found).toEqual(content(200));
      });
    };
    expect(await judge(intact)).toBeNull();
    const padding = 64 + 4 + 4;
    expect(intact.length).toBe(padding + 200);
    for (let at = 0; at < intact.length; at++) {
      for (const bit of [1, 128]) {
        const bytes = intact.slice();
        bytes[at] = bytes[at]! ^ bit;
        expect(await judge(bytes), `byte ${at}`).toBe("CORRUPT");
      }
      expect(await judge(intact.slice(0, at)), `cut at ${at}`).toBe("CORRUPT");
    }
    expect(await judge(Uint8Array.of(...intact, 0))).toBe("CORRUPT");
  });

  test("a block is found damaged by the reads that need it, and by no others", async () => {
    const fs = new MemoryFileSystem();
    const store = await newStore(fs);
    await write(store, "k", content(3 * block));
    const [path] = await store.files();
    const handle = await fs.open(path!, "write");
    await handle.write(Uint8Array.of(77), (await handle.size()) - block - 9);
    const part = (from: number, to: number): Promise<string | null> =>
      codeOf(() => store.open("k", (blob) => blob.read(from, to)));
    expect(await part(0, block)).toBeNull();
    expect(await part(2 * block, 3 * block)).toBeNull();
    expect(await part(0, block + 1)).toBe("CORRUPT");
    expect(await part(block, block + 1)).toBe("CORRUPT");
    expect(await store.list("")).toEqual([{ key: "k", bytes: 3 * block }]);
  });

  test("a file under another key's name is no blob of that key", async () => {
    const fs = new MemoryFileSystem();
    const store = await newStore(fs);
    await write(store, "a", content(5));
    const [pathA] = await store.files();
    const bytes = (await fs.readFile(pathA!, 1 << 20))!;
    await write(store, "b", content(6));
    const pathB = (await store.files()).find((path) => path !== pathA)!;
    const handle = await fs.open(pathB, "write");
    await handle.truncate(bytes.length);
    await handle.write(bytes, 0);
    expect(await codeOf(() => read(store, "b"))).toBe("CORRUPT");
  });

  test("any bytes in a blob's place are refused, without allocating what they claim", async () => {
    const fs = new MemoryFileSystem();
    const store = await newStore(fs);
    await write(store, "k", content(100));
    const [path] = await store.files();
    const intact = (await fs.readFile(path!, 1 << 20))!;
    const put = async (bytes: Uint8Array): Promise<void> => {
      const handle = await fs.open(path!, "write");
      await handle.truncate(0);
      await handle.write(bytes, 0);
    };
    // Sizes that are sealed, but not true.
    for (const [at, value] of [
      [16, 2 ** 60],
      [16, 2 ** 40],
      [16, 0],
      [24, 0],
      [24, 2 ** 31],
      [24, 1000],
    ] as const) {
      const bytes = intact.slice();
      const view = new DataView(bytes.buffer);
      if (at === 16) view.setBigUint64(16, BigInt(value), true);
      else view.setUint32(at, value, true);
      view.setUint32(12, fs.crc32(bytes.subarray(16, 64), fs.crc32(bytes.subarray(0, 12))), true);
      await put(bytes);
      expect(await codeOf(() => read(store, "k")), `${value} at ${at}`).toBe("CORRUPT");
    }
    const newer = intact.slice();
    const view = new DataView(newer.buffer);
    view.setUint32(8, 2, true);
    view.setUint32(12, fs.crc32(newer.subarray(16, 64), fs.crc32(newer.subarray(0, 12))), true);
    await put(newer);
    expect(await codeOf(() => read(store, "k"))).toBe("FORMAT_TOO_NEW");
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (bytes, isBegun) => {
        await put(isBegun ? Uint8Array.of(...intact.subarray(0, 64), ...bytes) : bytes);
        expect(await codeOf(() => read(store, "k"))).toBe("CORRUPT");
      }),
      { numRuns: 200 },
    );
  });
});

/** What the script leaves after each step: blobs by key. */
const steps: readonly ((store: BlobStore, blobs: Map<string, Uint8Array>) => Promise<void>)[] = [
  async (store, blobs) => {
    blobs.set("a", content(70));
    await write(store, "a", content(70));
  },
  async (store, blobs) => {
    blobs.set("b", content(block + 10));
    await write(store, "b", content(block + 10));
  },
  async (store, blobs) => {
    blobs.set("a", content(10, 5));
    await write(store, "a", content(10, 5));
  },
  async (store, blobs) => {
    blobs.delete("b");
    await store.remove("b");
  },
];

describe("blobs through faults", () => {
  test("a crash at any change leaves each write whole or not at all, and what was answered for good", async () => {
    const counted = new FaultyFileSystem(1);
    const store = await newStore(counted);
    counted.arm({});
    for (const step of steps) await step(store, new Map());
    const changes = counted.changes;
    expect(changes).toBeGreaterThan(12);
    for (let at = 1; at <= changes; at++) {
      for (const loss of ["dropped", "kept", "torn", "reordered"] as const satisfies readonly Loss[]) {
        const fs = new FaultyFileSystem(at);
        const crashing = await newStore(fs);
        fs.arm({ crashAtChange: at });
        const before = new Map<string, Uint8Array>();
        const after = new Map<string, Uint8Array>();
        for (const step of steps) {
          try {
            await step(crashing, after);
          } catch (error) {
            if (!fs.isCrashed) throw error;
            break;
          }
          await step(await newStore(), before);
        }
        const found = new BlobStore(fs.afterPowerLoss(loss, at), folder, async () => {});
        for (const key of ["a", "b"]) {
          const possible = [before.get(key) ?? null, after.get(key) ?? null];
          const bytes = await read(found, key);
          const isPossible = possible.some((one) => (one === null ? bytes === null : isSame(bytes, one)));
          expect(isPossible, `change ${at}, ${loss}, blob ${key}`).toBe(true);
        }
      }
    }
  });

  test("a call that fails at any place leaves the blob that was there or the new one, and no litter", async () => {
    const counted = new FaultyFileSystem(1);
    const store = await newStore(counted);
    await write(store, "k", content(50));
    counted.arm({});
    await write(store, "k", content(60, 2));
    for (let at = 1; at <= counted.calls; at++) {
      const fs = new FaultyFileSystem(at);
      const failing = await newStore(fs);
      await write(failing, "k", content(50));
      fs.arm({ failAtCall: at, errno: "ENOSPC" });
      let failure: unknown = null;
      const staged = await failing.stage("k", content(60, 2)).catch((error: unknown) => {
        failure = error;
        return null;
      });
      if (staged !== null) {
        await staged.commit().catch(async (error: unknown) => {
          failure = error;
          await staged.discard();
        });
      }
      fs.heal();
      expect(isLynseError(failure, "NO_SPACE") || failure === null, `call ${at}`).toBe(true);
      expect([content(50), content(60, 2)]).toContainEqual(await read(failing, "k"));
      expect((await fs.list(`${folder}/blobs`)).length, `call ${at}`).toBe(1);
    }
  });
});

describe("blobs of a collection", () => {
  const config: CollectionConfig = {
    ...{ dim: 2, dtype: "float32", index: null, defaultIndex: null, description: null },
    createdAt: "2026-01-01T00:00:00.000Z",
  };

  test("go with it; those of another life of its name never come back", async () => {
    const random = new SeededRandom(7);
    const probe = async (fs: FaultyFileSystem, onRemoved = (): void => {}): Promise<void> => {
      const store = await CollectionStore.create(fs, folder, config);
      await write(store.blobs, "k", content(20));
      await store.close();
      await CollectionStore.remove(fs, folder);
      onRemoved();
      const next = await CollectionStore.create(fs, folder, config);
      await next.close();
    };
    const counted = new FaultyFileSystem(1);
    await counted.makeFolder("/root");
    await probe(counted);
    const changes = counted.changes;
    for (let at = 1; at <= changes; at++) {
      const fs = new FaultyFileSystem(at);
      await fs.makeFolder("/root");
      fs.arm({ crashAtChange: at });
      let isAnother = false;
      const onRemoved = (): void => {
        isAnother = true;
      };
      await probe(fs, onRemoved).catch((error: unknown) => {
        if (!fs.isCrashed) throw error;
      });
      const after = fs.afterPowerLoss((["dropped", "kept", "reordered"] as const)[random.below(3)]!, at);
      if (!(await CollectionStore.exists(after, folder))) {
        await after.makeFolder("/root");
        await (await CollectionStore.create(after, folder, config)).close();
        isAnother = true;
      }
      const store = await CollectionStore.open(after, folder, { isReadOnly: true });
      const found = await read(store.blobs, "k");
      await store.close();
      if (isAnother) expect(found, `change ${at}`).toBeNull();
      else expect([null, content(20)], `change ${at}`).toContainEqual(found);
    }
  });

  test("leave nothing of an interrupted write behind the next writable open", async () => {
    const fs = new MemoryFileSystem();
    const store = await CollectionStore.create(fs, folder, config);
    await write(store.blobs, "k", content(20));
    await store.blobs.stage("k", content(30));
    await store.blobs.stage("other", content(30));
    expect(await fs.list(`${folder}/blobs`)).toHaveLength(3);
    await store.close();
    const readOnly = await CollectionStore.open(fs, folder, { isReadOnly: true });
    expect(await fs.list(`${folder}/blobs`)).toHaveLength(3);
    expect(await codeOf(() => readOnly.blobs.stage("k", content(1)))).toBe("READ_ONLY");
    expect(await codeOf(() => readOnly.blobs.remove("k"))).toBe("READ_ONLY");
    expect(await readOnly.blobs.list("")).toEqual([{ key: "k", bytes: 20 }]);
    await readOnly.close();
    await (await CollectionStore.open(fs, folder, { isReadOnly: false })).close();
    expect(await fs.list(`${folder}/blobs`)).toHaveLength(1);
  });
});
