/**
 * What is all there is to know of a collection?
 *
 * Everything that an export keeps, as plain values that tests can compare.
 */
import type { Database, Id } from "../../src/index.js";

export interface WholeCollection {
  readonly rows: readonly { readonly id: Id; readonly field: unknown; readonly vector: readonly number[] }[];
  readonly deleted: readonly Id[];
  /** Ids with their vectors in each named field, nearest to a fixed question first. */
  readonly fields: unknown;
  readonly sparse: unknown;
  readonly settings: unknown;
}

export async function wholeCollection(db: Database, name: string): Promise<WholeCollection> {
  const collection = await db.getCollection(name);
  const rows: { id: Id; field: unknown; vector: number[] }[] = [];
  for await (const { id, field, vector } of collection.scan({ returnVectors: true })) {
    rows.push({ id, field, vector: Array.from(vector ?? []) });
  }
  const infos = await collection.listVectorFields();
  const fields: Record<string, unknown> = {};
  for (const { name: field, dim, rows: count } of infos) {
    if (field === "default" || count === 0) continue;
    const found = await collection.search(new Float32Array(dim ?? 1).fill(1), { vectorField: field, k: count });
    fields[field] = found.ids.map((id, at) => [id, found.distances?.[at]]);
  }
  const question = Object.fromEntries(Array.from({ length: 40 }, (_, feature) => [feature, feature + 1]));
  const sparse = await collection.searchSparse(question, { k: 1000 });
  const description = (await db.describeCollections()).find((each) => each.name === name)?.description;
  return {
    rows,
    deleted: await collection.listDeletedIds(),
    fields,
    sparse: sparse.ids.map((id, at) => [id, sparse.distances?.[at]]),
    settings: {
      infos: infos.map(({ name: field, dim, dtype, metric, index, rows: count }) => ({
        ...{ field, dim, dtype, metric, index, count },
      })),
      index: await collection.indexMode(),
      text: await collection.textOptions(),
      shape: await collection.shape(),
      description,
    },
  };
}

/** The same with the soft-deleted rows brought back: what hangs on them shows then. */
export async function wholeWithDeleted(db: Database, name: string): Promise<WholeCollection> {
  const collection = await db.getCollection(name);
  await collection.restore(await collection.listDeletedIds());
  return wholeCollection(db, name);
}
