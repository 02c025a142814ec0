/**
 * Does a server keep its promises under everything at once?
 *
 * One `lynse serve`, killed and stopped at random; clients that write, each its own groups of rows, by sessions that must
 * be found whole; clients that read what others write, and a reader that opens the folder beside the server; index builds,
 * compactions, checkpoints, snapshots and restores. Everything that anybody finds is held to what was acknowledged and
 * what was begun (`group-book.ts`). Now and then the writers rest, and all rows and answers are compared with the model.
 */
import { strict as assert } from "node:assert";
import { rmSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { type Collection, isLynseError, type SnapshotOptions, VectorDBClient } from "../../src/index.js";
import { SeededRandom } from "../../src/storage/seeded-random.js";
import { GroupBook, type GroupState } from "./group-book.js";
import { SoakServer } from "./soak-server.js";

const dim = 8;
const writers = 3;
const readers = 2;
const groupsOfWriter = 25;
/** What the server may take: some times what it takes with this little data. */
const memoryMax = 700 * 1024 * 1024;
const filesMax = 250;
/** Files that are removed and open in a moment of little work. */
const deletedFilesMax = 12;
const indexNames = ["HNSW-L2", "IVF-L2", "DISKANN-L2", "FLAT-L2"] as const;

interface RowField {
  readonly owner: string;
  readonly version: number;
  readonly size: number;
  readonly row: number;
}

type Rows = Collection<RowField>;

export interface SoakOptions {
  readonly lynse: string;
  /** Empty; the root and the snapshots go there. */
  readonly folder: string;
  readonly seed: number;
  readonly runMs: number;
  /** Time between two ends of the server: at most. */
  readonly lifeMs: number;
}

export interface SoakCounts {
  writes: number;
  inDoubt: number;
  reads: number;
  folderReads: number;
  comparisons: number;
  upkeep: number;
  snapshots: number;
  kills: number;
  stops: number;
  memoryMax: number;
  filesMax: number;
}

/** A server and the client of one of its users. */
interface Life {
  readonly server: SoakServer;
  readonly client: VectorDBClient;
  readonly rows: Rows;
}

export class Soak {
  readonly counts: SoakCounts = {
    ...{ writes: 0, inDoubt: 0, reads: 0, folderReads: 0, comparisons: 0, upkeep: 0, snapshots: 0 },
    ...{ kills: 0, stops: 0, memoryMax: 0, filesMax: 0 },
  };
  readonly #options: SoakOptions;
  readonly #random: SeededRandom;
  readonly #book = new GroupBook();
  #life: Promise<Life>;
  #isOver = false;
  /** The writers rest. */
  #isResting = false;
  /** Writers that write, or have a write in doubt. */
  #busy = writers;
  #nextVersion = 1;
  #failure: unknown = null;

  constructor(options: SoakOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#life = this.#begin();
  }

  /** Runs until the time is over; throws where a promise was broken. */
  async run(): Promise<SoakCounts> {
    await this.#life;
    const tasks = [this.#disturb(), this.#maintain(), this.#followFolder(), this.#compareNowAndThen()];
    for (let at = 0; at < writers; at++) tasks.push(this.#write(`w${at}`));
    for (let at = 0; at < readers; at++) tasks.push(this.#read());
    const timer = setTimeout(() => {
      this.#isOver = true;
    }, this.#options.runMs);
    await Promise.all(tasks.map((task) => task.catch((error: unknown) => this.#fail(error))));
    clearTimeout(timer);
    try {
      if (this.#failure !== null) throw this.#failure;
      await this.#compare(await this.#life);
    } finally {
      const { server, client } = await this.#life;
      await client.close();
      await server.kill();
    }
    return this.counts;
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#isOver = true;
  }

  async #begin(): Promise<Life> {
    const { lynse, folder } = this.#options;
    const server = await SoakServer.start(lynse, `${folder}/root`, `${folder}/snapshots`);
    const client = new VectorDBClient(server.url);
    const database = await client.createDatabase("soak");
    const rows = await database.requireCollection<RowField>("rows", { dim, defaultIndex: "FLAT-L2" });
    return { server, client, rows };
  }

  /** Ends the server now and then, and starts it again. */
  async #disturb(): Promise<void> {
    for (;;) {
      const life = await this.#life;
      const endsAt = Date.now() + 300 + this.#random.below(this.#options.lifeMs);
      while (Date.now() < endsAt && !this.#isOver) {
        await wait(50);
        this.#measure(life.server);
      }
      if (this.#isOver) return;
      const isKilled = !this.#random.oneIn(5);
      let restart = (): void => {};
      this.#life = new Promise<void>((resolve) => {
        restart = resolve;
      }).then(() => this.#begin());
      if (isKilled) await life.server.kill();
      else assert.equal(await life.server.stop(), 0, "a server that is asked to end ends well");
      this.counts[isKilled ? "kills" : "stops"] += 1;
      await life.client.close();
      restart();
      await this.#life;
    }
  }

  #measure(server: SoakServer): void {
    const { memory, files } = server.cost();
    this.counts.memoryMax = Math.max(this.counts.memoryMax, memory);
    this.counts.filesMax = Math.max(this.counts.filesMax, files);
    assert(memory <= memoryMax, `the server takes ${memory} bytes of memory`);
    assert(files <= filesMax, `the server has ${files} files open`);
  }

  /** Runs calls against a server; false where they were cut off by its end. */
  async #attempt(calls: (life: Life) => Promise<void>): Promise<boolean> {
    const life = await this.#life;
    try {
      await calls(life);
      return true;
    } catch (error) {
      if (error instanceof assert.AssertionError || !life.server.isEnding) throw error;
      return false;
    }
  }

  async #write(writer: string): Promise<void> {
    while (!this.#isOver) {
      while (this.#isResting && !this.#isOver) {
        this.#busy -= 1;
        while (this.#isResting && !this.#isOver) await wait(5);
        this.#busy += 1;
      }
      await this.#writeOne(writer);
      this.counts.writes += 1;
    }
  }

  async #writeOne(writer: string): Promise<void> {
    const group = `${writer}-${this.#random.below(groupsOfWriter)}`;
    const before = this.#book.present(group);
    const size = before?.size ?? 1 + this.#random.below(this.#random.oneIn(6) ? 400 : 12);
    const isDeleted = before !== null && this.#random.oneIn(3);
    const version = this.#nextVersion++;
    this.#book.begin(group, isDeleted ? null : { version, size });
    const done = await this.#attempt(async ({ rows }) => {
      const ids = Array.from({ length: size }, (_, row) => `${group}-${row}`);
      if (isDeleted) await rows.delete(ids);
      else {
        const fields = ids.map((_, row) => ({ owner: group, version, size, row }));
        const vectors = fields.map(({ row }) => vectorOf(version, row));
        await rows.insertSession(async (session) => {
          const half = size >> 1;
          // In two calls: the session is what makes them one.
          for (const [from, to] of [
            [0, half],
            [half, size],
          ] as const) {
            if (from === to) continue;
            const part = { vectors: vectors.slice(from, to), ids: ids.slice(from, to), fields: fields.slice(from, to) };
            if (before === null) await session.add(part);
            else await session.upsert(part);
          }
        });
      }
    });
    if (done) return this.#book.acknowledge(group);
    this.counts.inDoubt += 1;
    let found: GroupState | null = null;
    while (!(await this.#attempt(async ({ rows }) => void (found = await readGroup(rows, group))))) await wait(5);
    this.#book.settle(group, found);
  }

  async #read(): Promise<void> {
    while (!this.#isOver) {
      const group = this.#anyGroup();
      await this.#attempt(async ({ rows }) => {
        const look = this.#book.look(group);
        this.#book.check(look, await readGroup(rows, group), "a reader");
        await this.#searchIndex(rows);
        this.counts.reads += 1;
      });
    }
  }

  /** Whatever a search by the index finds is a row of one state: its distance is that of the vector of its version. */
  async #searchIndex(rows: Rows): Promise<void> {
    const query = vectorOf(this.#random.below(this.#nextVersion), this.#random.below(9));
    const { ids, distances, fields } = await rows.search(query, { k: 5, returnFields: true });
    (fields as readonly RowField[]).forEach(({ owner, version, row }, at) => {
      assert.equal(ids[at], `${owner}-${row}`);
      const own = squaredDistance(query, vectorOf(version, row));
      assert(
        Math.abs(distances[at]! - own) <= 0.01 * (1 + own),
        `distance ${distances[at]} of ${ids[at]}, which has ${own}`,
      );
    });
  }

  #anyGroup(): string {
    const { groups } = this.#book;
    return groups[this.#random.below(groups.length)] ?? "w0-0";
  }

  /** Reads the folder as another process than the server, which comes and goes. */
  async #followFolder(): Promise<void> {
    const client = new VectorDBClient(`${this.#options.folder}/root`, { readOnly: true, follow: true });
    try {
      const rows = await (await client.getDatabase("soak")).getCollection<RowField>("rows");
      while (!this.#isOver) {
        const group = this.#anyGroup();
        const look = this.#book.look(group);
        this.#book.check(look, await readGroup(rows, group), "a reader of the folder");
        this.counts.folderReads += 1;
        await wait(2);
      }
    } finally {
      await client.close();
    }
  }

  /** Builds and removes indexes, compacts, checkpoints, takes snapshots and restores them. */
  async #maintain(): Promise<void> {
    for (let turn = 0; !this.#isOver; turn++) {
      await wait(100 + this.#random.below(200));
      const choice = this.#random.below(6);
      const name = indexNames[this.#random.below(indexNames.length)]!;
      await this.#attempt(async (life) => {
        const { rows } = life;
        if (choice < 2) await this.#snapshot(life, "copy", `copy-${turn}`, { copy: choice === 0 });
        else if (choice === 2) await rows.compact();
        else if (choice === 3) await rows.checkpoint();
        else if ((await rows.count()) > 0) {
          await rows.buildIndex(name).catch((error: unknown) => {
            // The rows may have gone meanwhile.
            if (!isLynseError(error, "INDEX_EMPTY")) throw error;
          });
        }
        this.counts.upkeep += 1;
      });
    }
  }

  /** A snapshot that is taken while others write holds every group as it was in that time. */
  async #snapshot({ client }: Life, target: string, name: string, options: SnapshotOptions): Promise<void> {
    const database = await client.getDatabase("soak");
    const looks = this.#book.groups.map((group) => this.#book.look(group));
    await database.snapshotCollection("rows", name, options);
    await database.restoreCollection(target, name, { overwrite: true });
    rmSync(`${this.#options.folder}/snapshots/${name}`, { recursive: true, force: true });
    const found = await readAll(await database.getCollection<RowField>(target));
    for (const look of looks) this.#book.check(look, found.get(look.group) ?? null, "a snapshot");
    this.counts.snapshots += 1;
  }

  /** Lets the writers rest, and compares everything. */
  async #compareNowAndThen(): Promise<void> {
    while (!this.#isOver) {
      const nextAt = Date.now() + Math.min(5000, this.#options.runMs / 4);
      while (Date.now() < nextAt && !this.#isOver) await wait(20);
      this.#isResting = true;
      while (this.#busy > 0 && !this.#isOver) await wait(5);
      if (!this.#isOver) {
        await this.#attempt(async (life) => {
          await this.#compare(life);
          // While nothing is written, a snapshot holds exactly what was acknowledged.
          await this.#snapshot(life, "copy-at-rest", `rest-${this.counts.comparisons}`, {});
          await this.#checkDeletedFiles(life);
        });
      }
      this.#isResting = false;
    }
  }

  /** Files that were removed are closed: work under way may hold some, for a moment. */
  async #checkDeletedFiles({ server }: Life): Promise<void> {
    let fewest = Number.POSITIVE_INFINITY;
    for (let look = 0; look < 100 && fewest > deletedFilesMax && !server.isEnding && !this.#isOver; look++) {
      fewest = Math.min(fewest, server.deletedFiles());
      await wait(20);
    }
    const isCutOff = server.isEnding || this.#isOver;
    assert(isCutOff || fewest <= deletedFilesMax, `the server has ${fewest} files open that are removed`);
  }

  /** All rows, and searches of every kind, agree with the model. */
  async #compare({ rows }: Life): Promise<void> {
    const found = await readAll(rows);
    const expected = new Map<string, GroupState>();
    for (const group of this.#book.groups) {
      const state = this.#book.present(group);
      if (state !== null) expected.set(group, state);
    }
    assert.deepEqual([...found].sort(), [...expected].sort(), "all rows of the server are those of the model");
    const vectors = [...expected].flatMap(([group, { version, size }]) =>
      Array.from({ length: size }, (_, row) => ({ id: `${group}-${row}`, vector: vectorOf(version, row) })),
    );
    const query = vectorOf(this.#random.below(this.#nextVersion), this.#random.below(9));
    const all = vectors.map(({ vector }) => squaredDistance(query, vector)).sort((a, b) => a - b);
    const view = await rows.search(query, { k: 10, exact: true });
    assert.deepEqual([...view.distances], all.slice(0, 10), "an exact search finds the nearest rows of the model");
    const own = new Map(vectors.map(({ id, vector }) => [id, squaredDistance(query, vector)]));
    const approximate = await rows.search(query, { k: 10 });
    approximate.ids.forEach((id, at) => {
      assert(own.has(String(id)), `a search found ${id}, which is not there`);
      assert(Math.abs(approximate.distances[at]! - own.get(String(id))!) <= 0.01 * (1 + own.get(String(id))!));
    });
    assert(approximate.length >= Math.min(8, vectors.length), "a search by an index finds about as many rows");
    this.counts.comparisons += 1;
  }
}

/** What a group is for one call; throws where its rows are of two states. */
async function readGroup(rows: Rows, group: string): Promise<GroupState | null> {
  const where = { where: "owner = :group", params: { group } };
  const zero = new Float32Array(dim);
  const view = await rows.search(zero, { k: 1000, exact: true, returnFields: true, ...where });
  const fields = view.fields as readonly RowField[];
  const [first] = fields;
  if (first === undefined) return null;
  fields.forEach(({ version, size, row }, at) => {
    assert.equal(version, first.version, `group ${group} holds rows of two commits`);
    assert.equal(size, view.length, `group ${group} is whole`);
    assert.equal(view.ids[at], `${group}-${row}`);
    assert.equal(view.distances[at], squaredDistance(zero, vectorOf(version, row)), `vector of ${view.ids[at]}`);
  });
  return { version: first.version, size: first.size };
}

/** Every group of a collection, of one moment. */
async function readAll(rows: Rows): Promise<Map<string, GroupState>> {
  const found = new Map<string, { version: number; size: number; rows: number }>();
  for await (const { id, field, vector } of rows.scan({ returnVectors: true })) {
    const { owner, version, size, row } = field;
    const seen = found.get(owner) ?? { version, size, rows: 0 };
    found.set(owner, seen);
    assert.equal(version, seen.version, `group ${owner} holds rows of two commits`);
    assert.deepEqual([...vector!], vectorOf(version, row), `vector of ${id}`);
    seen.rows += 1;
  }
  for (const [group, { size, rows: count }] of found) assert.equal(count, size, `group ${group} is whole`);
  return new Map([...found].map(([group, { version, size }]) => [group, { version, size }]));
}

/** Small integers, so that float32 holds them and every distance exactly. */
function vectorOf(version: number, row: number): number[] {
  return Array.from({ length: dim }, (_, at) => ((version * 31 + row * 7 + at * 3) % 101) - 50);
}

function squaredDistance(one: ArrayLike<number>, other: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < dim; at++) sum += (one[at]! - other[at]!) ** 2;
  return sum;
}
