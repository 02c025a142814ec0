/**
 * A disk index whose blocks rot while it serves: it is dropped, searches go on exactly, and it is built again.
 */
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type SearchOptions, VectorDBClient } from "../../src/index.js";
import { folderMode } from "../conformance/modes.js";
import { useWorkspace } from "../conformance/workspace.js";
import { indexCorpus } from "./index-corpus.js";
import { compare, type Docs, fill } from "./indexed-collection.js";

const corpus = indexCorpus(4_000, 16);

/** Changes a byte of every sector behind the header of each file of blocks below a folder. */
async function rot(folder: string): Promise<void> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => /blocks-[0-9a-f]{8}\.lyn$/.test(name));
  expect(names).toHaveLength(1);
  const file = join(folder, names[0]!);
  const bytes = await readFile(file);
  for (let at = 4096 + 100; at < bytes.length; at += 512) bytes[at]! ^= 1;
  await writeFile(file, bytes);
}

describe.each([
  { mode: "DISKANN-L2", parameters: { maxDegree: 24, searchListSize: 50 } },
  { mode: "SPANN-L2", parameters: {} },
])("damaged blocks of $mode", ({ mode, parameters }) => {
  const workspace = useWorkspace(folderMode);
  const collectionFolder = (): string => join(workspace.place.uri, "app", "docs");
  const built = async (): Promise<Docs> => {
    const docs = (await workspace.collection("docs", { dim: corpus.dim })) as unknown as Docs;
    await fill(docs, corpus);
    await docs.buildIndex(mode, parameters);
    return docs;
  };
  const answers = async (docs: Docs, options: SearchOptions = {}): Promise<unknown> =>
    Promise.all(corpus.queries.slice(0, 8).map(async (query) => (await docs.search(query, options)).toList()));
  const rebuilt = async (docs: Docs): Promise<void> => {
    await expect
      .poll(async () => (await docs.stats()).indexState, { timeout: 20_000, interval: 20 })
      .toMatchObject({ state: "ready", tailRows: 0 });
    expect((await compare(docs, corpus)).recall).toBeGreaterThanOrEqual(0.95);
  };

  it("cost no search: what was asked is answered exactly, and the index is built again", async () => {
    let docs = await built();
    const exact = await answers(docs, { exact: true });
    // What it holds in memory of the file would hide the damage.
    await workspace.client.close();
    docs = (await workspace.reopen()) as unknown as Docs;
    await rot(collectionFolder());
    expect(await answers(docs)).toEqual(exact);
    expect((await docs.get([7, 8])).vectors).toEqual([corpus.vector(7), corpus.vector(8)].map((each) => each.slice()));
    await rebuilt(docs);
    expect(
      (await readdir(collectionFolder(), { recursive: true })).filter((name) => /blocks-/.test(name)),
    ).toHaveLength(1);
  });

  it("are met by no read, and by no compaction: vectors are read from where they are stored", async () => {
    let docs = await built();
    await workspace.client.close();
    docs = (await workspace.reopen()) as unknown as Docs;
    await rot(collectionFolder());
    const ids = [3_999, 7, 8, 7, 0, 2_500];
    expect((await docs.get(ids)).vectors).toEqual(ids.map((id) => corpus.vector(id).slice()));
    let row = 0;
    for await (const { id, vector } of docs.scan({ returnVectors: true })) {
      expect(id).toBe(row);
      expect(vector).toEqual(corpus.vector(row++).slice());
    }
    expect(row).toBe(corpus.count);
    await docs.delete(ids);
    expect(await docs.compact()).toBe(5);
    expect((await docs.get([9])).vectors).toEqual([corpus.vector(9).slice()]);
    expect((await docs.search(corpus.vector(9), { k: 1 })).ids).toEqual([9]);
  });

  it("cost a reader in another program its index, and nothing else", async () => {
    const docs = await built();
    const exact = await answers(docs, { exact: true });
    await using reader = new VectorDBClient(workspace.place.uri, { readOnly: true });
    const read = (await (await reader.getDatabase("app")).getCollection("docs")) as unknown as Docs;
    expect(await read.count()).toBe(corpus.count);
    await rot(collectionFolder());
    const before = await readdir(collectionFolder(), { recursive: true });
    expect(await answers(read)).toEqual(exact);
    expect(await readdir(collectionFolder(), { recursive: true })).toEqual(before);
  });

  it("in a snapshot are left out when it is restored", async () => {
    const docs = await built();
    const exact = await answers(docs, { exact: true });
    const path = `${workspace.place.uri}-snapshot`;
    await docs.snapshotTo(path, { copy: true });
    await rot(path);
    const db = await workspace.client.getDatabase("app");
    await db.restoreCollection("restored", path);
    const restored = (await db.getCollection("restored")) as unknown as Docs;
    expect((await restored.stats()).indexState.state).not.toBe("ready");
    expect(await answers(restored)).toEqual(exact);
    await rebuilt(restored);
    await rm(path, { recursive: true });
  });
});
