/**
 * What is a collection with an index checked against?
 *
 * Against its own exact search, which is tested on its own: an index may miss rows, but the values that it gives are exact,
 * no row comes twice, and never fewer than k where k match.
 */
import { expect } from "vitest";
import type { Collection, SearchOptions } from "../../src/index.js";
import type { CorpusRow, IndexCorpus } from "./index-corpus.js";

export type Docs = Collection<CorpusRow>;

/** Adds the corpus in one transaction; the ids are the row numbers. */
export async function fill(docs: Docs, corpus: IndexCorpus, to = corpus.count, from = 0): Promise<void> {
  await docs.bulkAddItems(
    (function* () {
      for (let row = from; row < to; row++) yield [corpus.vector(row), row, corpus.fields[row]!] as const;
    })(),
  );
  await docs.commit();
}

/** What searches with an index came to. */
export interface Outcome {
  /** Share of the k nearest found, counted by distance: ties count. */
  readonly recall: number;
  /** Plans and strategies met, e.g. `"index-filtered:walk"`. */
  readonly plans: ReadonlySet<string>;
}

/** Runs every query with and without the index and compares. */
export async function compare(docs: Docs, corpus: IndexCorpus, options: SearchOptions = {}): Promise<Outcome> {
  const { k = 10 } = options;
  const plans = new Set<string>();
  let found = 0;
  let wanted = 0;
  for (const query of corpus.queries) {
    const exact = await docs.search(query, { ...options, exact: true });
    const { items, profile } = await docs.searchProfile(query, options);
    plans.add(profile.strategy === null ? profile.plan : `${profile.plan}:${profile.strategy}`);
    expect(items.length, "rows that match come back, up to k").toBe(Math.min(k, profile.matches));
    expect(new Set(items.ids).size, "no row comes twice").toBe(items.length);
    const values = await exactValues(docs, query, items.ids as number[]);
    items.ids.forEach(
      (id, at) => void expect(values.get(id as number), `value of row ${id}`).toBe(items.distances[at]),
    );
    const last = exact.distances.at(-1) ?? 0;
    const isHigherBetter = exact.metric === "ip" || exact.metric === "cos";
    const slack = Math.abs(last) * 1e-6;
    for (const value of items.distances) if (isHigherBetter ? value >= last - slack : value <= last + slack) found += 1;
    wanted += exact.length;
  }
  return { recall: wanted === 0 ? 1 : found / wanted, plans };
}

/** What the exact search says of some rows. */
async function exactValues(docs: Docs, query: Float32Array, ids: number[]): Promise<Map<number, number>> {
  const rows = await docs.search(query, { k: Math.max(1, ids.length), filterIds: ids, exact: true });
  return new Map(rows.ids.map((id, at) => [id as number, rows.distances[at]!]));
}
