/** A memory budget decides where vectors lie, and must not show in any answer. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type Collection,
  type CollectionOptions,
  mmrReranker,
  type ResultView,
  VectorDBClient,
} from "../../src/index.js";
import { gaussian, randomFrom } from "../../src/kernel/row-kinds.arbitraries.js";

interface Fields {
  readonly group: number;
  readonly [name: string]: number;
}
type Docs = Collection<Fields>;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lynse-budget-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** The same collection twice: all in memory, and with a budget. */
class Twins {
  readonly #clients: VectorDBClient[] = [];
  /** Bytes; none in the first life. */
  budget: number | null = null;
  whole!: Docs;
  spilled!: Docs;

  async open(options?: CollectionOptions): Promise<void> {
    this.whole = await this.#open("whole", null, options);
    this.spilled = await this.#open("spilled", this.budget, options);
  }

  async #open(name: string, budget: number | null, options: CollectionOptions | undefined): Promise<Docs> {
    const limit = budget === null ? {} : { memoryBudget: budget };
    const client = new VectorDBClient(join(folder, name), { durability: "os", threads: 1, ...limit });
    this.#clients.push(client);
    const db = await client.createDatabase("app");
    return options === undefined ? db.getCollection<Fields>("docs") : db.requireCollection<Fields>("docs", options);
  }

  /** Opens both again, one of them with room for everything but `share` of its float vectors. */
  async tighten(share: number): Promise<void> {
    const { vectorBytes, codeBytes, rowTableBytes } = (await this.whole.stats()).memory;
    this.budget = Math.floor((1 - share) * vectorBytes + codeBytes + rowTableBytes);
    await this.reopen();
    expect((await this.spilled.stats()).memory.onDiskBytes).toBeGreaterThan(0);
  }

  async close(): Promise<void> {
    for (const client of this.#clients.splice(0)) await client.close();
  }

  async reopen(): Promise<void> {
    await this.close();
    await this.open();
  }

  async both(work: (docs: Docs) => Promise<unknown>): Promise<void> {
    await work(this.whole);
    await work(this.spilled);
  }

  /** Runs the read on both, and expects the same answer to the bit. */
  async same(read: (docs: Docs) => Promise<unknown>, what: string): Promise<void> {
    expect(plain(await read(this.spilled)), what).toEqual(plain(await read(this.whole)));
  }
}

function plain(answer: unknown): unknown {
  if (Array.isArray(answer)) return answer.map(plain);
  const view = answer as ResultView<Fields>;
  if (typeof answer !== "object" || answer === null || !("ids" in answer)) return answer;
  return { ids: view.ids, distances: Array.from(view.distances), vectors: view.vectors, fields: view.fields };
}

async function scanned(docs: Docs): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const row of docs.scan({ where: "group < 3", returnVectors: true })) rows.push(row);
  return rows;
}

/** A program of writes and reads from a seed. */
class Program {
  readonly #random: () => number;
  readonly #twins: Twins;
  readonly #dim: number;
  readonly #isPositive: boolean;
  #next = 0;

  constructor(twins: Twins, dim: number, seed: number, isPositive = false) {
    this.#twins = twins;
    this.#dim = dim;
    this.#random = randomFrom(seed);
    this.#isPositive = isPositive;
  }

  vector(): Float32Array {
    const component = (): number => (this.#isPositive ? this.#random() : gaussian(this.#random));
    return Float32Array.from({ length: this.#dim }, component);
  }

  id(): number {
    return Math.floor(this.#random() * this.#next);
  }

  async add(count: number): Promise<void> {
    const vectors = Array.from({ length: count }, () => this.vector());
    const fields = vectors.map(() => ({ group: Math.floor(this.#random() * 7) }));
    this.#next += count;
    await this.#twins.both((docs) => docs.add({ vectors, fields }));
  }

  async change(): Promise<void> {
    const ids = [...new Set(Array.from({ length: 25 }, () => this.id()))];
    const vectors = ids.map(() => this.vector());
    await this.#twins.both((docs) => docs.upsert({ ids, vectors }));
    const gone = [this.id(), this.id(), this.id()];
    await this.#twins.both((docs) => docs.delete(gone));
    await this.#twins.both((docs) => docs.restore(gone.slice(0, 1)));
  }

  async readAll(what: string): Promise<void> {
    const { vector, vectors } = { vector: this.vector(), vectors: [this.vector(), this.vector(), this.vector()] };
    const { same } = { same: this.#twins.same.bind(this.#twins) };
    for (const k of [1, 10, 3000]) await same((docs) => docs.search(vector, { k }), `${what}: k = ${k}`);
    for (const where of ["group = 3", "group < 5", "group = 99"]) {
      await same((docs) => docs.search(vector, { where, k: 12, returnVectors: true }), `${what}: ${where}`);
      await same((docs) => docs.batchSearch(vectors, { where, k: 4 }), `${what}: batch, ${where}`);
    }
    await same((docs) => docs.batchSearch(vectors, { k: 9 }), `${what}: batch`);
    const near = await this.#twins.whole.search(vector, { k: 60 });
    const threshold = near.distances.at(-1)!;
    await same((docs) => docs.searchRange(vector, { threshold, maxResults: 40 }), `${what}: range`);
    await same((docs) => docs.searchRange(vector, { threshold, where: "group = 2" }), `${what}: range, filter`);
    await same((docs) => docs.search(vector, { k: 8, reranker: mmrReranker() }), `${what}: mmr`);
    await same((docs) => docs.search(vector, { k: 3, groupBy: "group" }), `${what}: groups`);
    const [positive, negative] = [near.ids[3]!, near.ids[20]!];
    await same(
      (docs) => docs.recommend({ positive: [positive], negative: [negative] }, { k: 6 }),
      `${what}: recommend`,
    );
    await same((docs) => docs.get(near.ids.slice(0, 30).reverse()), `${what}: get`);
    await same((docs) => docs.queryVectors({ where: "group = 1", limit: 50 }), `${what}: query`);
    await same((docs) => docs.head(5), `${what}: head`);
    await same((docs) => docs.tail(5), `${what}: tail`);
    await same(scanned, `${what}: scan`);
  }
}

const kinds = [
  ["IP", 128, "float32"],
  ["L2", 130, "float32"],
  ["COS", 321, "float16"],
  ["L1", 128, "float32"],
  ["JENSEN-SHANNON", 256, "float16"],
] as const;

describe("a collection above its memory budget answers as one in memory does", () => {
  let twins: Twins;
  beforeEach(() => {
    twins = new Twins();
  });
  afterEach(() => twins.close());

  for (const [metric, dim, dtype] of kinds) {
    it(`by ${metric} of ${dtype}, through changes, a compaction and an open`, async () => {
      const program = new Program(twins, dim, dim, metric === "JENSEN-SHANNON");
      await twins.open({ dim, dtype, defaultIndex: `FLAT-${metric}` });
      await program.add(2500);
      await program.change();
      await twins.tighten(0.4);
      await program.readAll("opened");
      await program.change();
      await program.add(150);
      await program.readAll("changed");
      await twins.both((docs) => docs.compact());
      expect((await twins.spilled.stats()).memory.onDiskBytes).toBeGreaterThan(0);
      await program.readAll("compacted");
      await twins.reopen();
      await program.readAll("opened again");
    });
  }
});
