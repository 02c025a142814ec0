/**
 * Every index: recall, exact values, and never fewer than k, whatever the filter and however many rows were deleted.
 */
import { describe, expect, it } from "vitest";
import { folderMode } from "../conformance/modes.js";
import { useWorkspace } from "../conformance/workspace.js";
import { type IndexCorpus, indexCorpus } from "./index-corpus.js";
import { compare, type Docs, fill } from "./indexed-collection.js";

const dense = indexCorpus(12_000, 24);
const small = indexCorpus(5_000, 24);
const positive = indexCorpus(12_000, 16, { isPositive: true });
const places: IndexCorpus = {
  ...indexCorpus(12_000, 2),
  ...(() => {
    const { data, queries, ...rest } = indexCorpus(12_000, 2);
    const squeeze = (vector: Float32Array): Float32Array =>
      vector.map((value, at) => Math.tanh(value / 2) * (at % 2 === 0 ? 180 : 89));
    const squeezed = squeeze(data);
    return {
      ...rest,
      data: squeezed,
      queries: queries.map(squeeze),
      vector: (row: number) => squeezed.subarray(row * 2, row * 2 + 2),
    };
  })(),
};

interface Case {
  readonly mode: string;
  readonly corpus: IndexCorpus;
  /** Share of the nearest rows that must be found without any option. */
  readonly recall: number;
}

const of = (corpus: IndexCorpus, recall: number, ...modes: readonly string[]): Case[] =>
  modes.map((mode) => ({ mode, corpus, recall }));

const cases: Case[] = [
  ...of(dense, 0.98, "HNSW-IP", "HNSW-L2", "HNSW-COS", "HNSW-L2-SQ8"),
  ...of(dense, 0.95, "IVF-IP", "IVF-L2-SQ8", "IVF-COS-RABITQ", "IVF-L2-PQ", "IVF-COS-PQ"),
  ...of(small, 0.95, "DISKANN-IP", "DISKANN-L2", "DISKANN-COS-SQ8", "DISKANN-L2-PQ8"),
  ...of(small, 0.95, "SPANN-IP", "SPANN-L2", "SPANN-COS-SQ8"),
  ...of(small, 0.95, "FLAT-IP-SQ8", "FLAT-COS-PQ", "FLAT-L2-PQ12", "FLAT-L2-PQ6", "FLAT-L2-RABITQ"),
  ...of(small, 0.95, "FLAT-IP-POLARVEC4", "FLAT-COS-POLARVEC1"),
  ...of(small, 1, "FLAT-HAMMING", "FLAT-JACCARD", "FLAT-DICE"),
  ...of(small, 0.95, "IVF-HAMMING", "IVF-JACCARD", "HNSW-HAMMING", "HNSW-JACCARD"),
  ...of(positive, 0.95, "HNSW-HELLINGER", "HNSW-JENSEN-SHANNON", "HNSW-WASSERSTEIN"),
  ...of(dense, 0.95, "HNSW-L1", "HNSW-CHEBYSHEV", "HNSW-CORRELATION"),
  ...of(places, 0.95, "HNSW-HAVERSINE"),
];

describe.each(cases)("$mode", ({ mode, corpus, recall }) => {
  const workspace = useWorkspace(folderMode);
  const open = async (): Promise<Docs> => {
    const docs = await workspace.collection("docs", { dim: corpus.dim });
    await fill(docs as never, corpus);
    return docs as never;
  };

  it("finds nearly all of the nearest rows, through every filter, with half of the rows deleted too", async () => {
    const docs = await open();
    await docs.buildIndex(mode);
    const plain = await compare(docs, corpus);
    expect(plain.recall).toBeGreaterThanOrEqual(recall);
    expect([...plain.plans].join()).toMatch(/^index:/);
    expect((await compare(docs, corpus, { k: 100 })).recall).toBeGreaterThanOrEqual(0.95);
    for (const share of [0.5, 0.1, 0.01, 0.001, 0.0001]) {
      const filtered = await compare(docs, corpus, { where: `share < ${share}` });
      expect(filtered.recall, `share ${share}, ${[...filtered.plans].join()}`).toBeGreaterThanOrEqual(0.98);
    }
    // Where the query lies, and where it does not.
    for (const where of ["cluster < 2", "cluster >= 2", "cluster > 40", "cluster = 7"]) {
      const filtered = await compare(docs, corpus, { where });
      expect(filtered.recall, `${where}, ${[...filtered.plans].join()}`).toBeGreaterThanOrEqual(0.98);
    }
    await docs.delete({ where: "share >= 0.5" });
    expect((await compare(docs, corpus)).recall, "half deleted").toBeGreaterThanOrEqual(recall);
    const both = await compare(docs, corpus, { where: "cluster < 20" });
    expect(both.recall, "half deleted, filtered").toBeGreaterThanOrEqual(0.98);
  });
});

describe.each(["HNSW-IP"])("%s over rows of another kind", (mode) => {
  const workspace = useWorkspace(folderMode);

  it("gives every row of a collection of few, equal or zero rows", async () => {
    const docs = await workspace.collection("docs", { dim: 3 });
    await docs.add({ vectors: [[1, 2, 3]] });
    await docs.buildIndex(mode);
    expect((await docs.search([1, 1, 1])).ids).toEqual([0]);
    await docs.add({ vectors: Array.from({ length: 300 }, () => [0, 0, 0]) });
    await docs.buildIndex(mode);
    expect((await docs.search([1, 1, 1], { k: 301 })).length).toBe(301);
    expect((await docs.search([1, 1, 1], { k: 1 })).ids).toEqual([0]);
  });
});
