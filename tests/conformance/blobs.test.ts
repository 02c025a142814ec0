/**
 * Blobs: bytes under keys, beside the rows.
 */
import { describe, expect, it } from "vitest";
import { limits } from "../../src/limits.js";
import { modes } from "./modes.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

function content(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8) * 7 + seed) & 0xff);
}

describe.each(modes)("blobs ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it("come back as they were written, whole and in parts", async () => {
    const docs = await workspace.collection();
    for (const length of [0, 1, 1000, 200_000]) {
      await docs.writeBlob(`of ${length}`, content(length));
      const found = await docs.readBlob(`of ${length}`);
      expect(found).toBeInstanceOf(Uint8Array);
      expect(Buffer.compare(found!, content(length))).toBe(0);
    }
    const bytes = content(200_000);
    const part = async (offset?: number, length?: number): Promise<Uint8Array | null> =>
      docs.readBlobRange("of 200000", {
        ...(offset === undefined ? {} : { offset }),
        ...(length === undefined ? {} : { length }),
      });
    expect(await part(10, 5)).toEqual(bytes.slice(10, 15));
    expect(await part(undefined, 3)).toEqual(bytes.slice(0, 3));
    expect(await part(199_990)).toEqual(bytes.slice(199_990));
    expect(await part(65_530, 20)).toEqual(bytes.slice(65_530, 65_550));
    expect(await part(199_999, 1_000_000)).toEqual(bytes.slice(199_999));
    expect(await part(200_000, 7)).toEqual(new Uint8Array(0));
    expect(await part(5, 0)).toEqual(new Uint8Array(0));
    const whole = await part();
    expect(Buffer.compare(whole!, bytes)).toBe(0);
    await refusal(() => part(200_001), "INVALID_ARGUMENT", /offset 200001/, /200000 bytes/);
  });

  it("are taken from any kind of buffer, and are the reader's own", async () => {
    const docs = await workspace.collection();
    const bytes = content(32);
    await docs.writeBlob("buffer", bytes.buffer as ArrayBuffer);
    await docs.writeBlob("node", Buffer.from(bytes));
    await docs.writeBlob("view", new DataView(bytes.buffer, 8, 8));
    await docs.writeBlob("floats", new Float32Array(bytes.buffer, 16, 4));
    expect(await docs.readBlob("buffer")).toEqual(bytes);
    expect(await docs.readBlob("node")).toEqual(bytes);
    expect(await docs.readBlob("view")).toEqual(bytes.slice(8, 16));
    expect(await docs.readBlob("floats")).toEqual(bytes.slice(16));
    (await docs.readBlob("buffer"))!.fill(0);
    expect(await docs.readBlob("buffer")).toEqual(bytes);
  });

  it("are replaced, removed and listed; one that is missing is null", async () => {
    const docs = await workspace.collection();
    expect(await docs.listBlobs()).toEqual([]);
    expect(await docs.readBlob("a/1")).toBeNull();
    expect(await docs.readBlobRange("a/1", { offset: 9 })).toBeNull();
    expect(await docs.deleteBlob("a/1")).toBe(false);
    await docs.writeBlob("b", content(3));
    await docs.writeBlob("a/1", content(1));
    await docs.writeBlob("a/2", content(2));
    await docs.writeBlob("a/1", content(50, 9));
    expect(await docs.readBlob("a/1")).toEqual(content(50, 9));
    expect(await docs.listBlobs()).toEqual([
      { key: "a/1", bytes: 50 },
      { key: "a/2", bytes: 2 },
      { key: "b", bytes: 3 },
    ]);
    expect(await docs.listBlobs({ prefix: "a/" })).toEqual([
      { key: "a/1", bytes: 50 },
      { key: "a/2", bytes: 2 },
    ]);
    expect(await docs.listBlobs({ prefix: "none" })).toEqual([]);
    expect(await docs.deleteBlob("a/1")).toBe(true);
    expect(await docs.deleteBlob("a/1")).toBe(false);
    expect((await docs.listBlobs()).map(({ key }) => key)).toEqual(["a/2", "b"]);
  });

  it("have any text as a key", async () => {
    const docs = await workspace.collection();
    const keys = ["../../../etc/passwd", "a b&c=d?#%2f", "ключ", "😀", "__proto__", "NUL", " ", "x".repeat(1024)];
    for (const [at, key] of keys.entries()) await docs.writeBlob(key, Uint8Array.of(at));
    for (const [at, key] of keys.entries()) expect(await docs.readBlob(key)).toEqual(Uint8Array.of(at));
    expect((await docs.listBlobs()).map(({ key }) => key)).toEqual([...keys].sort());
  });

  it("of one collection are not those of another, and go with it", async () => {
    const docs = await workspace.collection("docs");
    const other = await workspace.collection("other");
    await docs.writeBlob("k", content(4));
    expect(await other.readBlob("k")).toBeNull();
    await workspace.db.dropCollection("docs");
    const next = await workspace.collection("docs");
    expect(await next.readBlob("k")).toBeNull();
    expect(await next.listBlobs()).toEqual([]);
  });

  it("stay through compactions, and are no rows", async () => {
    const docs = await workspace.collection();
    await docs.add({
      ids: [1, 2],
      vectors: [
        [1, 0],
        [0, 1],
      ],
    });
    await docs.writeBlob("k", content(70_000));
    await docs.delete([1]);
    const [, removed] = await Promise.all([docs.writeBlob("while", content(9)), docs.compact()]);
    expect(removed).toBe(1);
    expect(await docs.shape()).toEqual([1, 2]);
    expect(Buffer.compare((await docs.readBlob("k"))!, content(70_000))).toBe(0);
    expect(await docs.readBlob("while")).toEqual(content(9));
  });

  it("written at one time under one key take effect in their order; readers see one or another", async () => {
    const docs = await workspace.collection();
    await docs.writeBlob("k", content(100_000, 0));
    let isDone = false;
    const possible = [0, 1, 2, 3, 4].map((seed) => content(100_000, seed));
    const reader = (async () => {
      while (!isDone) {
        const seen = (await docs.readBlob("k"))!;
        expect(possible.some((bytes) => Buffer.compare(bytes, seen) === 0)).toBe(true);
      }
    })();
    if (mode.isEmbedded) await Promise.all([1, 2, 3, 4].map((seed) => docs.writeBlob("k", content(100_000, seed))));
    else for (const seed of [1, 2, 3, 4]) await docs.writeBlob("k", content(100_000, seed));
    isDone = true;
    await reader;
    expect(Buffer.compare((await docs.readBlob("k"))!, content(100_000, 4))).toBe(0);
    if (!mode.isEmbedded) return;
    const writes = [docs.writeBlob("k", content(3)), docs.deleteBlob("k"), docs.writeBlob("k", content(5))];
    expect(await Promise.all(writes)).toEqual([undefined, true, undefined]);
    expect(await docs.readBlob("k")).toEqual(content(5));
  });

  it("that are no blobs are refused before anything is stored", async () => {
    const docs = await workspace.collection();
    await refusal(() => docs.writeBlob("", content(1)), "INVALID_ARGUMENT", /key/);
    await refusal(() => docs.writeBlob("a\ud800", content(1)), "INVALID_ARGUMENT", /Unicode/);
    await refusal(() => docs.writeBlob(7 as never, content(1)), "INVALID_ARGUMENT", /string/);
    const tooLong = await refusal(() => docs.readBlob("é".repeat(513)), "LIMIT_EXCEEDED", /1026/);
    expect(tooLong.details).toMatchObject({ limit: "blobKeyBytesMax", max: limits.blobKeyBytesMax });
    await refusal(() => docs.deleteBlob("x".repeat(1_000_000)), "LIMIT_EXCEEDED");
    await refusal(() => docs.writeBlob("k", "text" as never), "INVALID_ARGUMENT", /TextEncoder/);
    await refusal(() => docs.writeBlob("k", [1, 2] as never), "INVALID_ARGUMENT", /ArrayBuffer/);
    await refusal(() => docs.writeBlob("k", null as never), "INVALID_ARGUMENT", /null/);
    await refusal(() => docs.readBlobRange("k", { offset: -1 }), "INVALID_ARGUMENT", /offset/);
    await refusal(() => docs.readBlobRange("k", { length: 1.5 }), "INVALID_ARGUMENT", /length/);
    await refusal(() => docs.readBlobRange("k", { ofset: 1 } as never), "INVALID_ARGUMENT", /ofset/);
    await refusal(() => docs.listBlobs({ prefix: 1 } as never), "INVALID_ARGUMENT", /prefix/);
    expect(await docs.listBlobs()).toEqual([]);
  });

  it("cannot be reached through a handle that was closed or dropped", async () => {
    const docs = await workspace.collection();
    await docs.writeBlob("k", content(1));
    await docs.close();
    await refusal(() => docs.readBlob("k"), "CLOSED");
    await refusal(() => docs.writeBlob("k", content(1)), "CLOSED");
    await refusal(() => docs.deleteBlob("k"), "CLOSED");
    await refusal(() => docs.listBlobs(), "CLOSED");
  });

  it("are refused to read-only clients, which read them", async () => {
    const docs = await workspace.collection();
    await docs.writeBlob("k", content(5));
    if (!mode.isPersistent) return;
    const reader = workspace.place.open({ readOnly: true });
    try {
      const seen = await (await reader.getDatabase("app")).getCollection("docs");
      expect(await seen.readBlob("k")).toEqual(content(5));
      await docs.writeBlob("k", content(6));
      expect(await seen.readBlob("k")).toEqual(content(6));
      await refusal(() => seen.writeBlob("k", content(1)), "READ_ONLY");
      await refusal(() => seen.deleteBlob("k"), "READ_ONLY");
      expect(await seen.listBlobs()).toEqual([{ key: "k", bytes: 6 }]);
    } finally {
      await reader.close();
    }
  });
});

describe.each(modes.filter(({ isPersistent }) => isPersistent))("blobs after a reopening ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it("are there, also those whose collection was closed while they were written", async () => {
    const docs = await workspace.collection();
    await docs.writeBlob("k", content(300_000));
    const late = docs.writeBlob("late", content(200_000));
    if (!mode.isEmbedded) await late;
    const again = await workspace.reopen();
    await late;
    expect(Buffer.compare((await again.readBlob("k"))!, content(300_000))).toBe(0);
    expect(Buffer.compare((await again.readBlob("late"))!, content(200_000))).toBe(0);
  });
});
