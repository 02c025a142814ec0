/**
 * Scans that bring what hangs on rows: rows that can be added as they are.
 */
import { describe, expect, it } from "vitest";
import type { Collection, Item, ScanOptions } from "../../src/index.js";
import { modes } from "./modes.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

const everything: ScanOptions = { returnVectors: true, returnNamedVectors: true, returnSparse: true };

async function plainRows(docs: Collection, options: ScanOptions): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const { id, field, vector, vectors, sparse } of docs.scan(options)) {
    rows.push({
      ...{ id, field },
      ...(vector === undefined ? {} : { vector: Array.from(vector) }),
      ...(vectors === undefined
        ? {}
        : { vectors: Object.fromEntries(Object.entries(vectors).map(([name, each]) => [name, Array.from(each)])) }),
      ...(sparse === undefined ? {} : { sparse: [Array.from(sparse.indices), Array.from(sparse.values)] }),
    });
  }
  return rows;
}

describe.each(modes)("scans with named and sparse vectors ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  async function rich(): Promise<Collection> {
    const docs = await workspace.collection();
    await docs.add({ ids: [1, 2, "c", 4, 5], vectors: [1, 2, 3, 4, 5].map((n) => [n, 0]) });
    await docs.createVectorField("image", { dim: 3, metric: "l2" });
    await docs.createVectorField("half", { dim: 1, dtype: "float16" });
    await docs.createVectorField("unused", { dim: 1 });
    await docs.addNamedVectors(
      "image",
      [
        [1, 2, 3],
        [4, 5, 6],
        [7, 8, 9],
      ],
      [1, "c", 4],
    );
    await docs.addNamedVectors("half", [[0.5], [0.25]], ["c", 5]);
    await docs.addSparseVectors([{ 7: 0.5, 3: -2 }, { 1: 1 }, { 9: 9 }], [2, "c", 4]);
    // Replaced: a vector, a row with what hangs on it; deleted; taken away.
    await docs.addNamedVectors("image", [[0, 0, 1]], [1]);
    await docs.upsert({ ids: ["c"], vectors: [[33, 0]], fields: [{ again: true }] });
    await docs.delete(4);
    return docs;
  }
  const expected = [
    { id: 1, field: {}, vector: [1, 0], vectors: { image: [0, 0, 1] } },
    {
      id: 2,
      field: {},
      vector: [2, 0],
      sparse: [
        [3, 7],
        [-2, 0.5],
      ],
    },
    { id: 5, field: {}, vector: [5, 0], vectors: { half: [0.25] } },
    {
      ...{ id: "c", field: { again: true }, vector: [33, 0] },
      ...{ vectors: { image: [4, 5, 6], half: [0.5] }, sparse: [[1], [1]] },
    },
  ];

  it("give each row what it has, and no more than is asked for", async () => {
    const docs = await rich();
    for (const batchSize of [1, 2, 1000]) expect(await plainRows(docs, { ...everything, batchSize })).toEqual(expected);
    const named = await plainRows(docs, { returnNamedVectors: true });
    expect(named).toEqual(expected.map(({ vector: _, sparse: __, ...row }) => row));
    const sparse = await plainRows(docs, { returnSparse: true, where: "again = TRUE" });
    expect(sparse).toEqual([{ id: "c", field: { again: true }, sparse: [[1], [1]] }]);
    await refusal(() => docs.scan({ returnSparse: 1 } as never).next(), "INVALID_ARGUMENT", /returnSparse/);
    await refusal(() => docs.scan({ returnNamedVectors: 1 } as never).next(), "INVALID_ARGUMENT", /returnNamedVectors/);
  });

  it("give what hung on the rows at their beginning, whatever is written meanwhile", async () => {
    const docs = await rich();
    const rows = docs.scan({ ...everything, batchSize: 1 });
    const seen = [(await rows.next()).value];
    await docs.addNamedVectors(
      "image",
      [
        [9, 9, 9],
        [9, 9, 9],
      ],
      [2, "c"],
    );
    await docs.addSparseVectors([{ 8: 8 }, {}], [5, 2]);
    await docs.upsert({ ids: [5], vectors: [[55, 0]] });
    await docs.compact();
    for await (const row of rows) seen.push(row);
    expect(seen.map((row) => row?.id)).toEqual([1, 2, 5, "c"]);
    expect(seen.map((row) => row?.vectors && Object.keys(row.vectors))).toEqual([
      ["image"],
      undefined,
      ["half"],
      ["image", "half"],
    ]);
    expect(Array.from(seen[3]?.vectors?.["image"] ?? [])).toEqual([4, 5, 6]);
    expect(Array.from(seen[1]?.sparse?.values ?? [])).toEqual([-2, 0.5]);
    expect(seen[2]?.sparse).toBeUndefined();
  });

  it("give rows that another collection takes as items", async () => {
    const docs = await rich();
    const copy = await workspace.db.requireCollection("copy", { dim: 2 });
    await copy.createVectorField("image", { dim: 3, metric: "l2" });
    await copy.createVectorField("half", { dim: 1, dtype: "float16" });
    await copy.bulkAddItems(docs.scan(everything) as AsyncIterable<Item>);
    await copy.commit();
    expect(await plainRows(copy, everything)).toEqual(expected);
  });
});
