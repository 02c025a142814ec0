/**
 * Random sequences of calls about what hangs on rows, compared with a model in plain JavaScript: vectors of named fields,
 * sparse vectors and texts, through upserts, deletes, restores, compactions, checkpoints, and calls made at one time.
 */
import { describe, expect, it } from "vitest";
import type { Collection, Id, InsertSession, Item, ResultView, VectorDBClient } from "../../src/index.js";
import { isLynseError } from "../../src/index.js";
import { rowsOf } from "./contents.js";
import { type Mode, modes, type Place } from "./modes.js";
import {
  type AttachedFields,
  type AttachedItem,
  type AttachedRow,
  NaiveAttached,
  type Outcome,
  type Sparse,
  type Write,
} from "./naive-attached.js";
import { naiveBm25 } from "./naive-text.js";
import { randomNumbers } from "./random-numbers.js";

const ids: readonly Id[] = [0, 1, 2, 3, 7, "0", "1", "a", "é", 2 ** 40];
const features = [0, 1, 2, 3, 5, 8, 65_536, 4_294_967_295] as const;
const words = ["ash", "birch", "cedar", "dogwood", "elm", "fir"] as const;
const tags = ["x", "y", "z"] as const;

interface FieldKind {
  readonly dim: number;
  readonly metric: "l2" | "cos";
  readonly dtype: "float32" | "float16";
}

const kinds: Readonly<Record<string, FieldKind>> = {
  image: { dim: 3, metric: "l2", dtype: "float32" },
  sound: { dim: 2, metric: "cos", dtype: "float16" },
};

/** How the texts are searched, as `configureText` was told. */
interface TextSettings {
  readonly fields?: readonly (keyof AttachedFields)[];
  readonly k1?: number;
  readonly b?: number;
}

const textSettings: readonly TextSettings[] = [
  {},
  { fields: ["text"] },
  { k1: 2, b: 0.3 },
  { fields: ["tag", "text"] },
];

type Step =
  | { readonly kind: "session"; readonly writes: readonly Write[]; readonly fails: boolean }
  | { readonly kind: "call"; readonly write: Write }
  | { readonly kind: "together"; readonly calls: readonly Call[] }
  | { readonly kind: "restore"; readonly ids: readonly Id[] }
  | { readonly kind: "createField"; readonly field: string }
  | { readonly kind: "configureText"; readonly settings: TextSettings }
  | { readonly kind: "compact" | "checkpoint" | "reopen" };

/** What can run beside others. */
type Call = Write | { readonly kind: "restore"; readonly id: Id } | { readonly kind: "compact" };

/** The steps that follow from a seed. */
class Program {
  /** Named fields created so far. */
  readonly fields = new Set<string>();
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = randomNumbers(seed);
  }

  below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  step(): Step {
    const choice = this.below(40);
    if (choice < 11) {
      const writes = Array.from({ length: 1 + this.below(4) }, () => this.write());
      return { kind: "session", writes, fails: this.below(4) === 0 };
    }
    if (choice < 25) return { kind: "call", write: this.write() };
    if (choice < 29) return { kind: "together", calls: Array.from({ length: 2 + this.below(3) }, () => this.#call()) };
    if (choice < 32) return { kind: "restore", ids: this.#ids() };
    if (choice < 34) return { kind: "createField", field: this.pick(Object.keys(kinds)) };
    if (choice < 35) return { kind: "configureText", settings: this.pick(textSettings) };
    return { kind: this.pick(["compact", "checkpoint", "reopen"]) };
  }

  write(): Write {
    const choice = this.below(16);
    if (choice < 3) return { kind: "add", items: this.#items() };
    if (choice < 7) return { kind: "upsert", items: this.#items() };
    if (choice < 9) return { kind: "delete", ids: this.#ids() };
    if (choice < 10) return { kind: "deleteBelow", n: this.below(5) };
    const someIds = this.#ids();
    if (choice < 13) return { kind: "sparse", vectors: someIds.map((id) => [id, this.sparse()] as const) };
    const field = this.pick(Object.keys(kinds));
    return { kind: "named", field, vectors: someIds.map((id) => [id, this.vector(kinds[field]!.dim)] as const) };
  }

  /** Of few ids, so that calls meet; metadata that an upsert keeps and counts may be older than what it meets: see the simulator. */
  #call(): Call {
    const id = this.pick(ids.slice(0, 3));
    const choice = this.below(12);
    if (choice < 2) return { kind: "restore", id };
    if (choice < 3) return { kind: "compact" };
    if (choice < 5) return { kind: "delete", ids: [id] };
    if (choice < 7) return { kind: "sparse", vectors: [[id, this.sparse()]] };
    if (choice < 9) return { kind: "named", field: "image", vectors: [[id, this.vector(3)]] };
    const items = [{ id, vector: this.vector(2), fields: this.#fields() }];
    return { kind: this.pick(["add", "upsert"]), items };
  }

  #items(): AttachedItem[] {
    return this.#ids().map((id) => {
      const named: Record<string, readonly number[]> = {};
      for (const name of this.fields) if (this.below(4) === 0) named[name] = this.vector(kinds[name]!.dim);
      return {
        ...{ id, vector: this.vector(2), fields: this.below(3) === 0 ? undefined : this.#fields() },
        ...(Object.keys(named).length === 0 ? {} : { named }),
        ...(this.below(4) === 0 ? { sparse: this.sparse() } : {}),
      };
    });
  }

  #fields(): AttachedFields {
    const text = Array.from({ length: this.below(7) }, () => this.pick(words)).join(" ");
    return { n: this.below(5), tag: this.pick(tags), ...(text === "" ? {} : { text }) };
  }

  #ids(): Id[] {
    return [...new Set(Array.from({ length: 1 + this.below(4) }, () => this.pick(ids)))];
  }

  /** Multiples of 1/8: exact in float16, and in sums. */
  vector(dim: number): number[] {
    return Array.from({ length: dim }, () => (this.below(33) - 16) / 8);
  }

  sparse(): Sparse {
    const count = this.below(5) === 0 ? 0 : 1 + this.below(4);
    const weights = Array.from({ length: count }, () => [this.pick(features), (1 + this.below(12)) / 4]);
    return Object.fromEntries(weights.map(([feature, weight]) => [feature!, this.below(6) === 0 ? -weight! : weight!]));
  }

  text(): string {
    return Array.from({ length: 1 + this.below(3) }, () => this.pick([...words, ...tags, "zelkova"])).join(" ");
  }
}

/** A row's score by one search, older rows first. */
interface Scored {
  readonly id: Id;
  readonly value: number;
}

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

  /** Everything that hangs on live rows, as a text. */
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
    return JSON.stringify(plain);
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
    const { rows } = this.#model;
    expect((await this.#docs.stats()).sparseRows).toBe(rows.filter(({ sparse }) => sparse !== null).length);
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
  return JSON.stringify(rows);
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

/** Rows that have a vector in the field, with their distances; the field of the rows' own vectors for null. */
function vectorScores(
  rows: readonly AttachedRow[],
  field: string | null,
  metric: "l2" | "cos",
  query: readonly number[],
): Scored[] {
  return rows.flatMap(({ id, vector, named }) => {
    const own = field === null ? vector : named[field];
    return own === undefined ? [] : [{ id, value: metric === "l2" ? squares(query, own) : cosine(query, own) }];
  });
}

function squares(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, component, at) => sum + (component - b[at]!) ** 2, 0);
}

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = a.reduce((sum, component, at) => sum + component * b[at]!, 0);
  const norm = Math.hypot(...a) * Math.hypot(...b);
  return norm === 0 ? 0 : dot / norm;
}

/** Rows whose inner product with the query is not zero. */
function sparseScores(rows: readonly AttachedRow[], query: Sparse): Scored[] {
  return rows.flatMap(({ id, sparse }) => {
    const shared = Object.keys(query).filter((feature) => sparse !== null && feature in sparse);
    const value = shared.reduce((sum, feature) => sum + query[Number(feature)]! * sparse![Number(feature)]!, 0);
    return value === 0 ? [] : [{ id, value }];
  });
}

/** The k best of the scored rows, each with its own value; equal ones in any order. */
function expectBest(found: ResultView<AttachedFields>, scored: readonly Scored[], k: number, isLeast: boolean): void {
  const values = scored.map(({ value }) => value).sort((a, b) => (isLeast ? a - b : b - a));
  expect(found.length).toBe(Math.min(k, scored.length));
  expect(new Set(found.ids).size).toBe(found.length);
  found.ids.forEach((id, at) => {
    const own = scored.find((row) => row.id === id);
    expect(own, `${keyOf(id)} can be found`).toBeDefined();
    expect(found.distances[at]).toBeCloseTo(own!.value, 4);
    expect(found.distances[at]).toBeCloseTo(values[at]!, 4);
  });
}

function facetsOf(values: readonly (string | number | undefined)[]): { value: string | number; count: number }[] {
  const counts = new Map<string | number, number>();
  for (const value of values) if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
}

/** The tags of all rows that could have been found. */
function expectTags(found: ResultView<AttachedFields>, rows: readonly AttachedRow[], scored: readonly Scored[]): void {
  const inReach = new Set(scored.map(({ id }) => id));
  const matching = rows.filter(({ id }) => inReach.has(id));
  expect(found.facets).toEqual({ tag: facetsOf(matching.map(({ fields: { tag } }) => tag)) });
}

/** All rows of all lists, each with what the lists say about it by the formula of the fusion. */
function expectFused(
  found: ResultView<AttachedFields>,
  signals: Readonly<Record<"vector" | "text" | "sparse", readonly Scored[]>>,
  fusion: "rrf" | "weighted",
): void {
  const wanted = new Set(Object.values(signals).flatMap((scored) => scored.map(({ id }) => id)));
  expect(new Set(found.ids)).toEqual(wanted);
  expect(found.length).toBe(wanted.size);
  found.ids.forEach((id, at) => {
    const parts = found.parts![at]!;
    let sum = 0;
    for (const name of ["vector", "text", "sparse"] as const) {
      const scored = signals[name];
      const own = scored.find((row) => row.id === id);
      const part = parts[name];
      expect(part === undefined, `${name} of ${keyOf(id)}`).toBe(own === undefined);
      if (own === undefined || part === undefined) continue;
      expect(part.value).toBeCloseTo(own.value, 4);
      const sign = name === "vector" ? -1 : 1;
      const lead = scored.map(({ value }) => sign * (value - own.value));
      expect(part.rank).toBeGreaterThan(lead.filter((more) => more > 1e-4).length);
      expect(part.rank).toBeLessThanOrEqual(lead.filter((more) => more > -1e-4).length);
      const weight = name === "text" ? 2 : 1;
      const share = fusion === "rrf" ? 1 / (60 + part.rank) : scaled(own.value, scored, sign);
      expect(part.share).toBeCloseTo(weight * share, 4);
      sum += part.share;
    }
    expect(found.distances[at]).toBeCloseTo(sum, 4);
    if (at > 0) expect(found.distances[at]).toBeLessThanOrEqual(found.distances[at - 1]!);
  });
  for (const name of ["vector", "text", "sparse"] as const) {
    const ranks = found.parts!.flatMap((parts) => parts[name]?.rank ?? []).sort((a, b) => a - b);
    expect(ranks).toEqual(signals[name].map((_, place) => place + 1));
  }
}

/** A value's place between the worst of its list and the best. */
function scaled(value: number, scored: readonly Scored[], sign: number): number {
  const signed = scored.map((row) => sign * row.value);
  const least = Math.min(...signed);
  const range = Math.max(...signed) - least;
  return range < 1e-9 ? 1 : (sign * value - least) / range;
}

const stepCount = 45;

describe.each(modes)("what hangs on rows ($mode)", (mode) => {
  const seedCount = Number(process.env["LYNSE_MODEL_RUNS"] ?? (mode.isPersistent ? 5 : 7));
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
