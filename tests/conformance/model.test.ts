/**
 * Random sequences of calls, compared after every step with a model in plain JavaScript.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Collection, Database, Id, InsertSession, Selection, VectorDBClient } from "../../src/index.js";
import { isLynseError } from "../../src/index.js";
import { rowsOf } from "./contents.js";
import { type Mode, modes, type Place } from "./modes.js";
import { type ModelField, type ModelItem, type ModelRow, NaiveCollection } from "./naive-collection.js";

const ids: readonly Id[] = [0, 1, 2, 3, 7, "0", "1", "a", "b", "é", 2 ** 40];

const component = fc.constantFrom(-2, -1, -0.1, 0, 0.3, 1, 2.5);
const itemArbitrary: fc.Arbitrary<ModelItem> = fc.record({
  id: fc.constantFrom(...ids),
  vector: fc.tuple(component, component),
  field: fc.oneof(
    fc.constant(undefined),
    fc.constant({}),
    fc.record({ n: fc.integer({ min: 0, max: 4 }), tag: fc.constantFrom("x", "y", "z") }, { requiredKeys: [] }),
  ),
});
const itemsArbitrary = fc.array(itemArbitrary, { minLength: 1, maxLength: 4 });
const idsArbitrary = fc.array(fc.constantFrom(...ids), { minLength: 1, maxLength: 4 });

interface Filter {
  readonly text: string;
  readonly isMatch: (row: { readonly id: Id; readonly field: ModelField }) => boolean;
}

const filters: readonly Filter[] = [
  { text: "n >= 2", isMatch: ({ field }) => field.n !== undefined && field.n >= 2 },
  { text: "tag = 'x'", isMatch: ({ field }) => field.tag === "x" },
  { text: "tag != 'x'", isMatch: ({ field }) => field.tag !== undefined && field.tag !== "x" },
  { text: "n IS NULL", isMatch: ({ field }) => field.n === undefined },
  { text: "NOT (n = 1 OR tag IN ('y', 'z'))", isMatch: ({ field: { n, tag } }) => isNot(or(n, tag)) },
  { text: "id = 1", isMatch: ({ id }) => id === 1 },
  { text: "id = '1' OR n = 0", isMatch: ({ id, field }) => id === "1" || field.n === 0 },
];

/** `n = 1 OR tag IN ('y', 'z')` in three-valued logic. */
function or(n: number | undefined, tag: string | undefined): boolean | null {
  const one = n === undefined ? null : n === 1;
  const other = tag === undefined ? null : tag === "y" || tag === "z";
  if (one === true || other === true) return true;
  return one === null || other === null ? null : false;
}

function isNot(value: boolean | null): boolean {
  return value === false;
}

type Write =
  | { readonly kind: "add" | "upsert" | "bulkAdd" | "bulkUpsert"; readonly items: readonly ModelItem[] }
  | { readonly kind: "delete"; readonly ids: readonly Id[] }
  | { readonly kind: "deleteWhere"; readonly filter: Filter };

type Step =
  | { readonly kind: "write"; readonly write: Write }
  | { readonly kind: "session"; readonly writes: readonly Write[]; readonly fails: boolean }
  | { readonly kind: "together"; readonly sessions: readonly (readonly ModelItem[])[] }
  | { readonly kind: "restore"; readonly ids: readonly Id[] }
  | { readonly kind: "compact" | "checkpoint" | "reopen" };

const filterArbitrary = fc.constantFrom(...filters);
const writeArbitrary: fc.Arbitrary<Write> = fc.oneof(
  fc.record({ kind: fc.constantFrom("add", "upsert", "bulkAdd", "bulkUpsert"), items: itemsArbitrary }),
  fc.record({ kind: fc.constant("delete" as const), ids: idsArbitrary }),
  fc.record({ kind: fc.constant("deleteWhere" as const), filter: filterArbitrary }),
);
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("write" as const), write: writeArbitrary }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("session" as const),
      writes: fc.array(writeArbitrary, { minLength: 1, maxLength: 4 }),
      fails: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("together" as const),
      sessions: fc.array(itemsArbitrary, { minLength: 2, maxLength: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("restore" as const), ids: idsArbitrary }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("compact", "checkpoint", "reopen") }) },
);

/** The package on one side, the model on the other. */
class Comparison {
  readonly #mode: Mode;
  readonly #place: Place;
  #client: VectorDBClient;
  #docs!: Collection<ModelField>;
  #model = new NaiveCollection();

  constructor(mode: Mode, place: Place) {
    this.#mode = mode;
    this.#place = place;
    this.#client = place.open({ durability: "os" });
  }

  async begin(): Promise<void> {
    const db = await this.#client.createDatabase("app");
    await this.#open(db);
  }

  async #open(db: Database): Promise<void> {
    this.#docs = await db.requireCollection<ModelField>("docs", { dim: 2, defaultIndex: "FLAT-L2" });
  }

  async end(): Promise<void> {
    await this.#client.close();
    await this.#place.remove();
  }

  async run(step: Step): Promise<void> {
    switch (step.kind) {
      case "write":
        await this.#write(this.#docs, this.#model, step.write);
        await this.#docs.commit();
        break;
      case "session":
        await this.#session(step.writes, step.fails);
        break;
      case "together":
        await this.#together(step.sessions);
        break;
      case "restore":
        expect(await this.#docs.restore(step.ids)).toBe(this.#model.restore(step.ids));
        break;
      case "compact":
        expect(await this.#docs.compact()).toBe(this.#model.compact());
        break;
      case "checkpoint":
        await this.#docs.checkpoint();
        break;
      case "reopen":
        if (!this.#mode.isPersistent) break;
        await this.#client.close();
        this.#client = this.#place.open({ durability: "os" });
        await this.#open(await this.#client.getDatabase("app"));
    }
  }

  async #write(to: InsertSession<ModelField>, model: NaiveCollection, write: Write): Promise<void> {
    switch (write.kind) {
      case "add":
      case "bulkAdd": {
        const isAccepted = model.add(write.items);
        const adding = write.kind === "add" ? to.add(asColumns(write.items)) : to.bulkAddItems(asItems(write.items));
        const error = await adding.then(
          () => null,
          (thrown: unknown) => thrown,
        );
        if (isAccepted) expect(error).toBe(null);
        else expect(isLynseError(error, "ID_EXISTS"), String(error)).toBe(true);
        break;
      }
      case "upsert":
      case "bulkUpsert":
        model.upsert(write.items);
        await (write.kind === "upsert" ? to.upsert(asColumns(write.items)) : to.upsertItems(asItems(write.items)));
        break;
      case "delete":
        expect(await to.delete(write.ids)).toBe(model.delete(({ id }) => write.ids.includes(id)));
        break;
      case "deleteWhere": {
        const selection: Selection = { where: write.filter.text };
        expect(await to.delete(selection)).toBe(model.delete(write.filter.isMatch));
      }
    }
  }

  async #session(writes: readonly Write[], fails: boolean): Promise<void> {
    const model = this.#model.copy();
    const stop = new Error("the session fails");
    const session = this.#docs.insertSession(async (to) => {
      for (const write of writes) {
        await this.#write(to, model, write);
        expect(await this.#docs.count()).toBe(this.#model.live.length);
      }
      if (fails) throw stop;
    });
    if (fails) {
      await expect(session).rejects.toBe(stop);
    } else {
      await session;
      this.#model = model;
    }
  }

  /**
   * Sessions that upsert at once: all commit, in the order in which they ended. Over HTTP commits that are asked for at once
   * may overtake each other on their ways: there one waits for the other.
   */
  async #together(sessions: readonly (readonly ModelItem[])[]): Promise<void> {
    const ended: number[] = [];
    const commits: Promise<void>[] = [];
    for (const [at, items] of sessions.entries()) {
      const before = this.#mode.isEmbedded ? undefined : commits[at - 1];
      const commit = this.#docs.insertSession(async (to) => {
        for (const item of items) await to.upsertItems(asItems([item]));
        await before;
        ended.push(at);
      });
      commits.push(commit);
    }
    await Promise.all(commits);
    for (const at of ended) this.#model.upsert(sessions[at]!);
  }

  async check(query: readonly number[]): Promise<void> {
    const docs = this.#docs;
    const { live } = this.#model;
    const byValue = (rows: readonly ModelRow[]): Id[] =>
      rows
        .map(({ id, vector }, age) => ({ id, age, value: distance(vector, query) }))
        .sort((a, b) => a.value - b.value || a.age - b.age)
        .map(({ id }) => id);
    expect(await rowsOf(docs)).toEqual(live.map(({ id, field, vector }) => ({ id, field, vector })));
    expect((await docs.search(query, { k: 4 })).ids).toEqual(byValue(live).slice(0, 4));
    for (const { text, isMatch } of filters) {
      const matching = live.filter(isMatch);
      expect((await docs.query({ where: text })).ids, text).toEqual(matching.map(({ id }) => id));
      expect(await docs.count({ where: text }), text).toBe(matching.length);
      expect((await docs.search(query, { k: 3, where: text })).ids, text).toEqual(byValue(matching).slice(0, 3));
    }
    const ordered = [...live].sort((a, b) => (a.field.n ?? 99) - (b.field.n ?? 99));
    expect((await docs.query({ limit: 99, orderBy: "n" })).ids).toEqual(ordered.map(({ id }) => id));
    expect(await docs.count()).toBe(live.length);
    expect(await docs.shape()).toEqual([live.length, 2]);
    expect(await docs.listDeletedIds()).toEqual(this.#model.deletedIds);
    expect(await docs.maxId()).toBe(Math.max(-1, ...live.map(({ id }) => (typeof id === "number" ? id : -1))));
    for (const id of ids) expect(await docs.isIdExists(id), String(id)).toBe(this.#model.has(id));
    expect(await docs.listFields()).toEqual([...new Set(live.flatMap(({ field }) => Object.keys(field)))].sort());
  }
}

function distance(a: readonly number[], b: readonly number[]): number {
  return (a[0]! - Math.fround(b[0]!)) ** 2 + (a[1]! - Math.fround(b[1]!)) ** 2;
}

function asColumns(items: readonly ModelItem[]): {
  ids: Id[];
  vectors: number[][];
  fields: (ModelField | undefined)[];
} {
  return {
    ids: items.map(({ id }) => id),
    vectors: items.map(({ vector }) => [...vector]),
    fields: items.map(({ field }) => field),
  };
}

function asItems(items: readonly ModelItem[]): { vector: number[]; id: Id; field?: ModelField }[] {
  return items.map(({ id, vector, field }) => ({ vector: [...vector], id, ...(field === undefined ? {} : { field }) }));
}

describe.each(modes)("any sequence of calls ($mode)", (mode) => {
  it("gives what a plain list of rows would give", { timeout: 60_000 }, async () => {
    const runs = fc.asyncProperty(
      fc.array(stepArbitrary, { minLength: 1, maxLength: 14 }),
      fc.tuple(component, component),
      async (steps, query) => {
        const comparison = new Comparison(mode, await mode.newPlace());
        try {
          await comparison.begin();
          for (const step of steps) {
            await comparison.run(step);
            await comparison.check(query);
          }
        } finally {
          await comparison.end();
        }
      },
    );
    const { LYNSE_MODEL_SEED: seed, LYNSE_MODEL_RUNS: runCount } = process.env;
    await fc.assert(runs, {
      numRuns: Number(runCount ?? (mode.isPersistent ? 25 : 60)),
      ...(seed === undefined ? {} : { seed: Number(seed) }),
    });
  });
});
