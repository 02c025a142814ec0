/**
 * The life of an index: built, kept, loaded, caught up, replaced, damaged and built again; searches are right throughout.
 */
import { readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Collection, type LynseError, VectorDBClient } from "../../src/index.js";
import { folderMode, modes } from "../conformance/modes.js";
import { refusal } from "../conformance/refusal.js";
import { useWorkspace } from "../conformance/workspace.js";
import { indexCorpus } from "./index-corpus.js";
import { compare, type Docs, fill } from "./indexed-collection.js";

const corpus = indexCorpus(9_000, 16);
/** With parameters that make builds quick. */
const indexModes = [
  { mode: "HNSW-L2", parameters: { efConstruction: 80 } },
  { mode: "IVF-L2-SQ8", parameters: { nClusters: 100 } },
  { mode: "DISKANN-L2", parameters: { maxDegree: 24, searchListSize: 50 } },
  { mode: "FLAT-L2-RABITQ", parameters: {} },
];

/** Resolves when the index serves and covers all rows but `tailRows`. */
async function settled(docs: Collection<never> | Docs, tailRows = 0): Promise<void> {
  await expect
    .poll(async () => (await docs.stats()).indexState, { timeout: 20_000, interval: 20 })
    .toMatchObject({ state: "ready", tailRows });
}

async function indexFolders(uri: string): Promise<string[]> {
  const names = await readdir(join(uri, "app", "docs"), { recursive: true });
  return names.filter((name) => /index-default-\d+$/.test(name)).sort();
}

describe.each(indexModes)("$mode", ({ mode, parameters }) => {
  const workspace = useWorkspace(folderMode);
  const open = async (rows = corpus.count): Promise<Docs> => {
    const docs = (await workspace.collection("docs", { dim: corpus.dim })) as unknown as Docs;
    await fill(docs, corpus, rows);
    return docs;
  };

  it("is kept: an open loads it, with the same answers, and counts it", async () => {
    let docs = await open();
    const before = await docs.stats();
    expect(before.indexState).toMatchObject({ state: "flat", rows: 0, parameters: null });
    const progress: number[] = [];
    await docs.buildIndex(mode, {
      ...parameters,
      onProgress: ({ done, total }) => void progress.push(done / (total ?? Number.NaN)),
    });
    expect(progress.at(-1)).toBe(1);
    expect(progress).toEqual([...progress].sort((one, other) => one - other));
    const { indexState, memory, disk } = await docs.stats();
    expect(indexState).toMatchObject({
      state: "ready",
      rows: corpus.count,
      tailRows: 0,
      failure: null,
      progress: null,
    });
    expect(memory.indexBytes).toBeGreaterThan(corpus.count * 8);
    expect(disk.indexBytes).toBeGreaterThan(corpus.count * 8);
    const answers = await docs.batchSearch(corpus.queries as Float32Array[], { k: 20 });
    docs = (await workspace.reopen()) as unknown as Docs;
    expect(await docs.indexMode()).toBe(mode);
    // At once: there was no time to build it again.
    expect((await docs.stats()).indexState).toEqual(indexState);
    expect(await docs.batchSearch(corpus.queries as Float32Array[], { k: 20 })).toEqual(answers);
    expect((await docs.searchProfile(corpus.queries[0]!, { nprobe: 10 })).profile.plan).toBe("index");
  });

  it("finds later rows at once, takes them in by itself, and knows them after an open", async () => {
    let docs = await open(4_000);
    await docs.buildIndex(mode, parameters);
    await docs.add({ ids: "new", vectors: corpus.queries[0]!, fields: { share: 0, cluster: 0 } });
    const found = await docs.search(corpus.queries[0]!, { k: 1 });
    expect([found.ids[0], found.distances[0]]).toEqual(["new", 0]);
    expect((await docs.stats()).indexState).toMatchObject({ rows: 4_000, tailRows: 1 });
    await docs.delete("new");
    await fill(docs, corpus, corpus.count, 4_000);
    await settled(docs);
    expect((await docs.stats()).indexState.rows).toBe(corpus.count + 1);
    expect((await compare(docs, corpus)).recall).toBeGreaterThanOrEqual(0.95);
    docs = (await workspace.reopen()) as unknown as Docs;
    expect((await docs.stats()).indexState).toMatchObject({ state: "ready", rows: corpus.count + 1, tailRows: 0 });
    expect((await compare(docs, corpus)).recall).toBeGreaterThanOrEqual(0.95);
  });

  it("follows upserts, deletes and restores", async () => {
    const docs = await open();
    await docs.buildIndex(mode, parameters);
    const query = corpus.vector(1234);
    const twins = (await docs.search(query, { k: 10 })).ids.filter((_, at) => at < 3) as number[];
    await docs.upsert({ ids: 1234, vectors: corpus.vector(1234).map((value) => value + 100) });
    expect((await docs.search(query)).ids).not.toContain(1234);
    expect(
      (
        await docs.search(
          corpus.vector(1234).map((value) => value + 100),
          { k: 1 },
        )
      ).ids,
    ).toEqual([1234]);
    const others = twins.filter((id) => id !== 1234);
    await docs.delete(others);
    for (const id of others) expect((await docs.search(query)).ids).not.toContain(id);
    await docs.restore(others);
    for (const id of others) expect((await docs.search(query)).ids).toContain(id);
  });

  it("is built again by itself after a compaction and where its file is damaged or gone; answers are exact meanwhile", async () => {
    let docs = await open();
    await docs.buildIndex(mode, parameters);
    await docs.delete({ where: "cluster = 3" });
    await docs.compact();
    expect((await docs.search(corpus.queries[0]!)).length).toBe(10);
    await settled(docs);
    expect((await compare(docs, corpus)).recall).toBeGreaterThanOrEqual(0.95);
    const harm: ((head: string) => Promise<void>)[] = [
      async (head) => truncate(head, (await readFile(head)).length / 2),
      async (head) => {
        const bytes = await readFile(head);
        bytes[bytes.length >> 1]! ^= 0x10;
        await writeFile(head, bytes);
      },
      async (head) => writeFile(head, ""),
    ];
    for (const damage of harm) {
      const [folder] = await indexFolders(workspace.place.uri);
      await workspace.client.close();
      await damage(join(workspace.place.uri, "app", "docs", folder!, "head.lynse"));
      docs = (await workspace.reopen()) as unknown as Docs;
      expect((await docs.search(corpus.queries[0]!)).length).toBe(10);
      await settled(docs);
      expect((await compare(docs, corpus)).recall).toBeGreaterThanOrEqual(0.95);
      expect(await indexFolders(workspace.place.uri)).toHaveLength(1);
    }
  });

  it("is not left half built by a cancelled build, and the one before goes on serving", async () => {
    const docs = await open();
    await docs.buildIndex("FLAT-COS");
    await refusal(() => docs.buildIndex(mode, { ...parameters, signal: AbortSignal.abort() }), "ABORTED");
    const control = new AbortController();
    let calls = 0;
    const onProgress = (): void => {
      calls += 1;
      if (calls === 2) control.abort();
    };
    await refusal(() => docs.buildIndex(mode, { ...parameters, signal: control.signal, onProgress }), "ABORTED");
    expect(await docs.indexMode()).toBe("FLAT-COS");
    expect(await indexFolders(workspace.place.uri)).toEqual([]);
    expect((await docs.search(corpus.queries[0]!)).metric).toBe("cos");
    await docs.buildIndex(mode, parameters);
    expect(await docs.indexMode()).toBe(mode);
  });

  it("serves searches and takes writes while another one is built", async () => {
    const docs = await open(7_000);
    await docs.buildIndex("FLAT-L2");
    let isDone = false;
    const build = docs.buildIndex(mode, parameters).finally(() => {
      isDone = true;
    });
    let searches = 0;
    for (let row = 7_000; !isDone && row < corpus.count; row += 50) {
      await fill(docs, corpus, row + 50, row);
      const found = await docs.search(corpus.vector(row), { k: 1 });
      expect(found.distances[0]).toBe(0);
      searches += 1;
    }
    await build;
    expect(searches).toBeGreaterThan(0);
    expect((await compare(docs, corpus)).recall).toBeGreaterThanOrEqual(0.95);
  });

  it("can be replaced while it takes in rows: whatever comes first, vectors are read from what is there", async () => {
    const docs = await open(4_000);
    for (const after of ["FLAT-L2", "IVF-L2"]) {
      await docs.buildIndex(mode, parameters);
      const from = (await docs.shape())[0];
      // More rows than are left to the exact scan.
      const ids = Array.from({ length: 4_200 }, (_, at) => from + at);
      await docs.add({
        ids,
        vectors: ids.map((id) => corpus.vector(id % corpus.count)),
        fields: ids.map(() => corpus.fields[0]!),
      });
      await docs.buildIndex(after);
      for (let read = 0; read < 20; read++) {
        expect((await docs.get([read])).vectors).toEqual([corpus.vector(read).slice()]);
        expect((await docs.search(corpus.vector(read), { k: 1 })).distances[0]).toBe(0);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  });

  it("ends with a close in the middle of a build, and leaves nothing half built", async () => {
    const docs = await open();
    const build = docs.buildIndex(mode, parameters);
    const refused = expect(build).rejects.toSatisfy((error: LynseError) => /CLOSED|ABORTED/.test(error.code));
    await workspace.client.close();
    await refused;
    expect(await indexFolders(workspace.place.uri)).toEqual([]);
    const again = (await workspace.reopen()) as unknown as Docs;
    expect(await again.indexMode()).toBe("FLAT-IP");
    expect((await again.shape())[0]).toBe(corpus.count);
  });

  it("goes with removeIndex, files and all; a new build takes the place of the old one", async () => {
    const docs = await open();
    await docs.buildIndex(mode, parameters);
    await docs.buildIndex(mode, parameters);
    await expect.poll(() => indexFolders(workspace.place.uri)).toHaveLength(1);
    await docs.removeIndex();
    expect(await docs.indexMode()).toBeNull();
    await expect.poll(() => indexFolders(workspace.place.uri)).toEqual([]);
    const { memory, disk, indexState } = await docs.stats();
    expect([memory.indexBytes, disk.indexBytes, indexState.state]).toEqual([0, 0, "flat"]);
    expect((await docs.searchProfile(corpus.queries[0]!)).profile.plan).toBe("exact");
  });

  it("is read by a second process's read-only client, which follows later rows exactly", async () => {
    const docs = await open(8_000);
    await docs.buildIndex(mode, parameters);
    const reader = workspace.place.open({ readOnly: true });
    const copy = (await (await reader.getDatabase("app")).getCollection("docs")) as unknown as Docs;
    expect((await copy.stats()).indexState).toMatchObject({ state: "ready", rows: 8_000 });
    expect((await copy.searchProfile(corpus.queries[0]!, { nprobe: 10 })).profile.plan).toBe("index");
    await fill(docs, corpus, corpus.count, 8_000);
    await copy.refresh();
    expect((await copy.search(corpus.vector(corpus.count - 1), { k: 1 })).distances[0]).toBe(0);
    await refusal(() => copy.buildIndex(mode, parameters), "READ_ONLY");
    await reader.close();
  });
});

describe.each(modes)("an index in any mode ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it("is refused over no rows, under an unknown name, and with unknown or impossible parameters", async () => {
    const docs = await workspace.collection();
    await refusal(() => docs.buildIndex("HNSW-L2"), "INDEX_EMPTY", /"docs"/, /add rows/);
    await docs.add({ vectors: [[1, 2]] });
    await refusal(() => docs.buildIndex("HNSV-L2"), "UNSUPPORTED_INDEX", /HNSW-L2/);
    await refusal(() => docs.buildIndex("HNSW-CANBERRA"), "UNSUPPORTED_INDEX");
    await refusal(
      () => docs.buildIndex("HNSW", { nClusters: 3 } as never),
      "INVALID_ARGUMENT",
      /"nClusters"/,
      /efConstruction/,
    );
    await refusal(() => docs.buildIndex("HNSW", { m: 0 }), "INVALID_ARGUMENT", /m of index HNSW-IP/);
    await refusal(() => docs.buildIndex("FLAT-L2-PQ3"), "UNSUPPORTED_INDEX", /dimension 2/);
    await refusal(() => docs.buildIndex("FLAT-HELLINGER", { seed: 1 }), "INVALID_ARGUMENT", /takes none/);
    expect(await docs.indexMode()).toBe("FLAT-IP");
  });

  it("is refused where a row does not fit the metric, and so is such a row afterwards", async () => {
    const docs = await workspace.collection();
    await docs.add({
      ids: ["good", "bad"],
      vectors: [
        [0.5, 0.5],
        [1, -1],
      ],
    });
    await refusal(() => docs.buildIndex("FLAT-HELLINGER"), "INVALID_VECTOR", /"bad"/, /negative/);
    expect(await docs.indexMode()).toBe("FLAT-IP");
    await docs.delete("bad");
    await docs.buildIndex("FLAT-HELLINGER");
    await refusal(() => docs.add({ ids: "worse", vectors: [-1, 1] }), "INVALID_VECTOR", /"worse"/);
    await refusal(() => docs.search([-1, 1]), "INVALID_VECTOR", /query/);
    expect((await docs.search([1, 0])).metric).toBe("hellinger");
    const wide = await workspace.collection("wide", { dim: 3 });
    await wide.add({ vectors: [[1, 2, 3]] });
    await refusal(() => wide.buildIndex("FLAT-HAVERSINE"), "DIMENSION_MISMATCH", /dimension 2/);
  });

  it("that a collection names by default is built by itself once there are enough rows", async () => {
    const many = indexCorpus(10_500, 8);
    const docs = (await workspace.collection("docs", { dim: 8, defaultIndex: "HNSW-L2" })) as unknown as Docs;
    await fill(docs, many, 500);
    expect((await docs.stats()).indexState.state).toBe("missing");
    expect((await docs.search(many.vector(3), { k: 1 })).distances[0]).toBe(0);
    await fill(docs, many, many.count, 500);
    await settled(docs);
    expect((await docs.searchProfile(many.queries[0]!, { nprobe: 10 })).profile.plan).toBe("index");
  });

  it("gives the same answers every time with one thread and one seed", async () => {
    const one = (await workspace.collection("one", { dim: corpus.dim })) as unknown as Docs;
    const two = (await workspace.collection("two", { dim: corpus.dim })) as unknown as Docs;
    for (const docs of [one, two]) {
      await fill(docs, corpus, 6_000);
      await docs.buildIndex("HNSW-COS", { threads: 1, seed: 7, m: 6, efConstruction: 20 });
    }
    const options = { k: 20, nprobe: 20 };
    const answers = await one.batchSearch(corpus.queries as Float32Array[], options);
    expect(await two.batchSearch(corpus.queries as Float32Array[], options)).toEqual(answers);
  });
});

describe("packed bits", () => {
  it("are taken as rows and as queries by a binary index", async () => {
    const client = new VectorDBClient("memory://");
    const db = await client.createDatabase("app");
    const docs = await db.requireCollection("bits", { defaultIndex: "FLAT-HAMMING" });
    await docs.add({ ids: ["a", "b"], vectors: [Uint8Array.of(0b1000_0001, 0), Uint8Array.of(0, 0b1111_0000)] });
    expect(await docs.shape()).toEqual([2, 16]);
    const found = await docs.search(Uint8Array.of(0b1000_0000, 0));
    expect([found.ids, [...found.distances]]).toEqual([
      ["a", "b"],
      [1, 5],
    ]);
    expect((await docs.get("a")).vectors![0]![0]).toBe(1);
    await client.close();
  });
});
