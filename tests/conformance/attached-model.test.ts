/**
 * Random sequences of calls about what hangs on rows, compared with a model in plain JavaScript: vectors of named
 * fields, sparse vectors and texts, through upserts, deletes, restores, compactions, checkpoints, and calls made at
 * once.
 */
import { describe, expect, it } from "vitest";
import type { Collection, Id, InsertSession, Item, VectorDBClient } from "../../src/index.js";
import { isLynseError } from "../../src/index.js";
import {
  expectBest,
  expectFused,
  expectTags,
  facetsOf,
  type Scored,
  sparseScores,
  vectorScores,
} from "./attached-expectations.js";
import { type Call, features, ids, kinds, Program, type Step, type TextSettings } from "./attached-program.js";
import { rowsOf } from "./contents.js";
import { type Mode, modes, type Place } from "./modes.js";
import {
  type AttachedFields,
  type AttachedItem,
  type AttachedRow,
  NaiveAttached,
  type Outcome,
  type Write,
} from "./naive-attached.js";
import { naiveBm25 } from "./naive-text.js";

/** The package on one side, the model on the other. */
class Comparison {
  readonly #mode: Mode;
  readonly #place: Place;
  readonly #program: Program;
  #client: VectorDBClient;
  #docs!: Collection<AttachedFields>;
  #model = new NaiveAttached();
  readonly #fields: Set<string>;
  #text: TextSettings = {};

  constructor(mode: Mode, place: Place, program: Program) {
    this.#mode = mode;
    this.#place = place;
    this.#program = program;
    this.#fields = program.fields;
    this.#client = place.open({ durability: "os" });
  }

  async begin(): Promise<void> {
    const db = await this.#client.createDatabase("app");
    this.#docs = await db.requireCollection<AttachedFields>("docs", { dim: 2, defaultIndex: "FLAT-L2" });
  }

  async end(): Promise<void> {
    await this.#client.close();
    await this.#place.remove();
  }

  async run(step: Step): Promise<void> {
    switch (step.kind) {
      case "call": {
        const found = await outcomeOf(this.#docs, step.write);
        await this.#docs.commit();
        expect(found).toEqual(this.#model.transact([step.write], this.#fields)[0]);
        break;
      }
      case "session":
        await this.#session(step.writes, step.fails);
        break;
      case "together":
        await this.#together(step.calls);
        break;
      case "restore":
        expect(await this.#docs.restore(step.ids)).toBe(this.#model.restore(step.ids));
        break;
      case "createField":
        await this.#docs.createVectorField(step.field, kinds[step.field]!);
        this.#fields.add(step.field);
        break;
      case "configureText":
        await this.#docs.configureText(step.settings);
        this.#text = step.settings;
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
        this.#docs = await (await this.#client.getDatabase("app")).getCollection<AttachedFields>("docs");
    }
  }

  async #session(writes: readonly Write[], fails: boolean): Promise<void> {
    const stop = new Error("the session fails");
    const outcomes: Outcome[] = [];
    const before = await this.#docs.count();
    const session = this.#docs.insertSession(async (to) => {
      for (const write of writes) outcomes.push(await outcomeOf(to, write));
      expect(await this.#docs.count()).toBe(before);
      if (fails) throw stop;
    });
    if (fails) await expect(session).rejects.toBe(stop);
    else await session;
    const model = this.#model.copy();
    expect(outcomes).toEqual(model.transact(writes, this.#fields));
    if (!fails) this.#model = model;
  }

  /** Calls at one time: what is there afterwards is what one after the other would leave, in some order. */
  async #together(calls: readonly Call[]): Promise<void> {
    const ended = await Promise.all(calls.map((call) => refusalOfCall(this.#docs, call)));
    // What hangs on deleted rows shows when they are live.
    await this.#docs.restore(this.#model.rows.map(({ id }) => id).concat(ids));
    const found = await this.#contents();
    const possible: string[] = [];
    for (const order of ordersOf([...calls.keys()])) {
      const model = this.#model.copy();
      const refusals = order.map((at) => [at, refusalInModel(model, calls[at]!, this.#fields)] as const);
      if (refusals.some(([at, refusal]) => refusal !== ended[at])) continue;
      model.restore(ids);
      possible.push(contentsOf(model, this.#fields));
      if (possible.at(-1) !== found) continue;
      this.#model = model;
      return;
    }
    expect.fail(`${JSON.stringify(ended)}\nfound\n  ${found}\npossible were\n  ${possible.join("\n  ")}`);
  }

  /** Everything that hangs on live rows, and what waits for a compaction, as a text. */
  async #contents(): Promise<string> {
    const rows = await rowsOf(this.#docs);
    const named: Record<string, Record<string, readonly number[]>> = {};
    for (const name of this.#fields) {
      const query = Array.from({ length: kinds[name]!.dim }, () => 1);
      const found = await this.#docs.search(query, { vectorField: name, k: 50, returnVectors: true });
      named[name] = Object.fromEntries(found.ids.map((id, at) => [keyOf(id), Array.from(found.vectors![at]!)]));
    }
    const sparse: Record<string, Record<number, number>> = {};
    for (const feature of features) {
      const found = await this.#docs.searchSparse({ [feature]: 1 }, { k: 50 });
      found.ids.forEach((id, at) => {
        sparse[keyOf(id)] = { ...sparse[keyOf(id)], [feature]: found.distances[at]! };
      });
    }
    const plain = rows.map(({ id, field, vector }) => {
      const own = Object.entries(named).flatMap(([name, byId]) => (byId[keyOf(id)] ? [[name, byId[keyOf(id)]]] : []));
      return [id, vector, field, own.sort(), sparse[keyOf(id)] ?? null];
    });
    const { superseded, sparseRows } = await this.#docs.stats();
    return JSON.stringify([plain, superseded, sparseRows]);
  }

  async check(): Promise<void> {
    const { live } = this.#model;
    expect(await this.#contents()).toBe(contentsOf(this.#model, this.#fields));
    expect(await this.#docs.count()).toBe(live.length);
    expect(await this.#docs.listDeletedIds()).toEqual(this.#model.deletedIds);
    const listed = await this.#docs.listVectorFields();
    expect(listed.map(({ name, rows }) => [name, rows])).toEqual([
      ["default", live.length],
      ...[...this.#fields].map((name) => [name, live.filter(({ named }) => name in named).length]),
    ]);
    const bound = this.#program.below(5);
    for (const isNarrowed of [false, true]) {
      const matching = isNarrowed ? live.filter(({ fields: { n } }) => n >= bound) : live;
      await this.#checkSearches(matching, isNarrowed ? { where: "n >= :bound", params: { bound } } : {});
    }
  }

  async #checkSearches(rows: readonly AttachedRow[], filter: { where?: string; params?: { bound: number } }) {
    const program = this.#program;
    const k = 1 + program.below(8);
    for (const name of this.#fields) {
      const { dim, metric } = kinds[name]!;
      const query = program.vector(dim);
      const scored = vectorScores(rows, name, metric, query);
      const found = await this.#docs.search(query, { ...filter, vectorField: name, k, facets: ["tag"] });
      expectBest(found, scored, k, metric === "l2");
      expectTags(found, rows, scored);
    }
    const sparse = program.sparse();
    const text = program.text();
    const query = program.vector(2);
    const bySparse = sparseScores(rows, sparse);
    expectBest(await this.#docs.searchSparse(sparse, { ...filter, k }), bySparse, k, false);
    const byText = this.#textScores(rows, text);
    const texts = await this.#docs.bm25Search(text, { ...filter, k, facets: ["tag"] });
    expectBest(texts, byText, k, false);
    expectTags(texts, rows, byText);
    const byVector = vectorScores(rows, null, "l2", query);
    const signals = { vector: byVector, text: byText, sparse: bySparse };
    const fusion = program.pick(["rrf", "weighted"] as const);
    const options = { ...filter, k: 60, candidateLimit: 60, fusion, textWeight: 2 };
    expectFused(await this.#docs.hybridSearch({ vector: query, text, sparse }, options), signals, fusion);
    const counted = await this.#docs.facets(["tag", "n"], filter);
    for (const key of ["tag", "n"] as const) {
      expect(counted[key], key).toEqual(facetsOf(rows.map(({ fields }) => fields[key])));
    }
  }

  /** BM25 by its formula: statistics over all live rows, scores of some. */
  #textScores(rows: readonly AttachedRow[], query: string): Scored[] {
    const { fields: wanted, k1, b } = this.#text;
    const texts = this.#model.live.map(({ id, fields }) => ({
      id,
      field: wanted === undefined ? fields : wanted.map((key) => fields[key]),
    }));
    const scores = naiveBm25(texts, query, k1, b);
    return rows.flatMap(({ id }) => (scores.has(id) ? [{ id, value: scores.get(id)! }] : []));
  }
}

async function outcomeOf(to: InsertSession<AttachedFields>, write: Write): Promise<Outcome> {
  try {
    return { count: await made(to, write) };
  } catch (error) {
    if (!isLynseError(error)) throw error;
    return { refusal: error.code };
  }
}

/** Makes the call that a write stands for; resolves to the rows that it was about. */
async function made(to: InsertSession<AttachedFields>, write: Write): Promise<number> {
  switch (write.kind) {
    case "add":
      return (await to.bulkAddItems(write.items.map(asItem))).length;
    case "upsert":
      return (await to.upsertItems(write.items.map(asItem))).length;
    case "delete":
      return to.delete(write.ids);
    case "deleteBelow":
      return to.delete({ where: "n < :n", params: { n: write.n } });
    case "named": {
      const vectors = write.vectors.map(([, vector]) => vector);
      await to.addNamedVectors(
        write.field,
        vectors,
        write.vectors.map(([id]) => id),
      );
      return vectors.length;
    }
    case "sparse": {
      const vectors = write.vectors.map(([, vector]) => vector);
      await to.addSparseVectors(
        vectors,
        write.vectors.map(([id]) => id),
      );
      return vectors.length;
    }
  }
}

function asItem({ id, vector, fields, named, sparse }: AttachedItem): Item<AttachedFields> {
  return {
    ...{ id, vector },
    ...(fields === undefined ? {} : { field: fields }),
    ...(named === undefined ? {} : { vectors: named }),
    ...(sparse === undefined ? {} : { sparse }),
  };
}

/** Makes a call that commits by itself; resolves to the code that refused it, or null. */
async function refusalOfCall(docs: Collection<AttachedFields>, call: Call): Promise<string | null> {
  const one = (items: readonly AttachedItem[]) => ({
    ids: items.map(({ id }) => id),
    vectors: items.map(({ vector }) => vector),
    fields: items.map(({ fields }) => fields),
  });
  try {
    if (call.kind === "restore") await docs.restore(call.id);
    else if (call.kind === "compact") await docs.compact();
    else if (call.kind === "add") await docs.add(one(call.items));
    else if (call.kind === "upsert") await docs.upsert(one(call.items));
    else await made(docs as unknown as InsertSession<AttachedFields>, call);
    return null;
  } catch (error) {
    if (!isLynseError(error)) throw error;
    return error.code;
  }
}

function refusalInModel(model: NaiveAttached, call: Call, fields: ReadonlySet<string>): string | null {
  if (call.kind === "restore") model.restore([call.id]);
  else if (call.kind === "compact") model.compact();
  else {
    const [outcome] = model.transact([call], fields);
    return outcome !== undefined && "refusal" in outcome ? outcome.refusal : null;
  }
  return null;
}

function contentsOf(model: NaiveAttached, fields: ReadonlySet<string>): string {
  const rows = model.live.map(({ id, vector, fields: own, named, sparse }) => {
    const mine = [...fields].flatMap((name) => (named[name] === undefined ? [] : [[name, named[name]]]));
    return [id, vector, own, mine.sort(), sparse];
  });
  const gone = model.rows.filter(({ state }) => state === "gone").length;
  const sparseRows = model.rows.filter(({ sparse }) => sparse !== null).length;
  return JSON.stringify([rows, gone, sparseRows]);
}

function keyOf(id: Id): string {
  return JSON.stringify(id);
}

function* ordersOf(list: readonly number[]): Generator<readonly number[]> {
  if (list.length === 0) yield [];
  for (const first of list) {
    for (const rest of ordersOf(list.filter((other) => other !== first))) yield [first, ...rest];
  }
}

const stepCount = 45;

describe.each(modes)("what hangs on rows ($mode)", (mode) => {
  const seedCount = Number(process.env["LYNSE_MODEL_RUNS"] ?? (mode.isPersistent ? 8 : 12));
  const firstSeed = Number(process.env["LYNSE_MODEL_SEED"] ?? 1);

  it("is what a plain list of rows would have, whatever the calls", { timeout: 60_000 }, async () => {
    for (let seed = firstSeed; seed < firstSeed + seedCount; seed++) {
      const program = new Program(seed);
      const comparison = new Comparison(mode, await mode.newPlace(), program);
      const history: Step[] = [];
      try {
        await comparison.begin();
        for (let at = 0; at < stepCount; at++) {
          const step = program.step();
          history.push(step);
          await comparison.run(step);
          if (at % 3 === 2) await comparison.check();
        }
      } catch (error) {
        const steps = history.map((step) => JSON.stringify(step)).join("\n  ");
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : error}\nafter\n  ${steps}`, {
          cause: error,
        });
      } finally {
        await comparison.end();
      }
    }
  });
});
