/**
 * What does a root with one damaged file answer?
 *
 * Builds a small root whose files have all there is (a checkpoint, batches after it, dead rows, named and sparse
 * vectors, a text index, a second collection), tells what it held after every commit, and judges what is found when a
 * file is changed: the same as before, an earlier commit's state where the end of the log or the vectors was hurt, or
 * `CORRUPT` with file and offset. Anything else throws.
 */
import { strict as assert } from "node:assert";
import { isLynseError, type LynseError } from "../../src/errors.js";
import type { FileSystem } from "../../src/storage/file-system.js";
import { MemoryFileSystem } from "../../src/storage/memory-file-system.js";
import { SeededRandom } from "../../src/storage/seeded-random.js";
import type { CollectionChange, CollectionState } from "./model.js";
import { checkAnswers, readRows, readSettings, textOfState } from "./read-world.js";
import { rootFolder, SimulatedRoot } from "./simulated-root.js";
import { applyOperation, emptyWorld } from "./world.js";

/** Files by path; null is a folder. */
export type Contents = ReadonlyMap<string, Uint8Array | null>;

export interface SmallRoot {
  readonly contents: Contents;
  /** The collection whose files are to be hurt, after every commit; the last one is the present. */
  readonly states: readonly CollectionState[];
  /** The collection beside it. */
  readonly other: CollectionState;
}

export type Verdict = "same" | "earlier" | "corrupt";

const database = "alpha";
const hurt = "hurt";
const other = "other";

function row(
  id: number | string,
  n: number,
): { id: number | string; vector: number[]; field: { n: number; tag: string } } {
  return { id, vector: [n / 8, -n / 4, 1], field: { n, tag: n % 2 === 0 ? "red" : "green" } };
}

const changes: CollectionChange[] = [
  { kind: "add", rows: [row(1, 1), row("two", 2), row(3, 3)] },
  { kind: "upsert", rows: [row(3, 4), row(4, 5)] },
  { kind: "createField", name: "image" },
  {
    kind: "named",
    name: "image",
    vectors: [
      { id: 1, vector: [1, 2] },
      { id: "two", vector: [3, 4] },
    ],
  },
  { kind: "sparse", vectors: [{ id: "two", weights: [1, 0, 2, 3] }] },
  { kind: "delete", ids: [1] },
  { kind: "describe", text: "a description" },
  { kind: "checkpoint" },
  { kind: "upsert", rows: [{ ...row("two", 6), field: undefined }] },
  { kind: "add", rows: [row(7, 7), row("eight", 8)] },
  { kind: "delete", ids: [7] },
  {
    kind: "session",
    staged: [
      { kind: "named", name: "image", vectors: [{ id: 3, vector: [5, 6] }] },
      { kind: "sparse", vectors: [{ id: "eight", weights: [0, 4, 0, 5] }] },
      { kind: "upsert", row: row(3, 2) },
    ],
  },
  { kind: "add", rows: [row(9, 9)] },
];

/** Builds the small root on `fs`, which is left as after a kill: the log's end is not vouched for by a checkpoint. */
async function buildSmallRoot(fs: FileSystem): Promise<Omit<SmallRoot, "contents">> {
  const root = await SimulatedRoot.open(fs);
  let world = emptyWorld;
  const states: CollectionState[] = [];
  const run = async (operation: Parameters<SimulatedRoot["run"]>[0]): Promise<void> => {
    await root.run(operation);
    const effect = applyOperation(world, operation);
    assert(effect.refusal === undefined, "the small root is built without refusals");
    world = effect.world;
  };
  await run({ kind: "createDatabase", database });
  for (const collection of [other, hurt])
    await run({ kind: "require", database, collection, dim: 3, dtype: "float32" });
  await run({ database, collection: other, change: { kind: "add", rows: [row(1, 1), row("b", 2)] } });
  states.push(world.databases[database]![hurt]!);
  for (const change of changes) {
    // The checkpoint keeps a text index, too.
    if (change.kind === "checkpoint") await (await root.database(database).getCollection(hurt)).bm25Search("red");
    await run({ database, collection: hurt, change });
    states.push(world.databases[database]![hurt]!);
  }
  // Not closed: that would write a checkpoint over everything.
  await root.abandon();
  return { states, other: world.databases[database]![other]! };
}

/** A small root in memory. */
export async function smallRoot(): Promise<SmallRoot> {
  // Another process than the one that opens it later, so that the writer lock it leaves is stale.
  const fs = new MemoryFileSystem({ ...new MemoryFileSystem().identity, startMark: "ended" });
  const built = await buildSmallRoot(fs);
  return { ...built, contents: await contentsOf(fs, "/") };
}

/** Everything in a folder. */
async function contentsOf(fs: FileSystem, folder: string): Promise<Contents> {
  const contents = new Map<string, Uint8Array | null>();
  const visit = async (path: string): Promise<void> => {
    for (const { name, isFolder } of await fs.list(path)) {
      const inner = path === "/" ? `/${name}` : `${path}/${name}`;
      contents.set(inner, isFolder ? null : await fs.readFile(inner, 1 << 30));
      if (isFolder) await visit(inner);
    }
  };
  await visit(folder);
  return contents;
}

/** Files whose damage the small root is put to: all but those of the collection beside. */
export function filesToHurt({ contents }: SmallRoot): string[] {
  return [...contents.keys()].filter((path) => contents.get(path) !== null && !path.includes(`/${other}/`));
}

/** Opens the root in memory with one file changed, and judges what is found. */
export function judgeInMemory(root: SmallRoot, file: string, bytes: Uint8Array): Promise<Verdict> {
  return judge(MemoryFileSystem.of(new Map(root.contents).set(file, bytes)), root, file);
}

/** Judges what is found on files of which `file` was changed. */
export async function judge(
  fs: FileSystem,
  root: Omit<SmallRoot, "contents">,
  file: string,
  folder = rootFolder,
): Promise<Verdict> {
  let opened: SimulatedRoot;
  try {
    opened = await SimulatedRoot.open(fs, { folder });
  } catch (error) {
    assert(file === `${folder}/lynse.json`, `the root does not open: ${error}`);
    return corruptIn(file, error);
  }
  try {
    assert.deepEqual(await opened.databaseNames(), [database]);
    const beside = await opened.database(database).getCollection(other);
    assert.equal(await readRows(beside), textOfState(root.other).rows, "the collection beside is as it was");
    return await judgeHurt(opened, root.states, file);
  } finally {
    await opened.abandon();
  }
}

/** Reads all rows of a root, whose file may be damaged; anything but an answer or an error of the catalogue throws. */
export async function readWhatever(contents: Contents): Promise<void> {
  let opened: SimulatedRoot | null = null;
  try {
    opened = await SimulatedRoot.open(MemoryFileSystem.of(contents));
    await readRows(await opened.database(database).getCollection(hurt));
  } catch (error) {
    assert(isLynseError(error) && error.code !== "INTERNAL", `reading threw ${error}`);
  } finally {
    await opened?.abandon();
  }
}

async function judgeHurt(root: SimulatedRoot, states: readonly CollectionState[], file: string): Promise<Verdict> {
  let found: string;
  try {
    found = await readRows(await root.database(database).getCollection(hurt));
  } catch (error) {
    return corruptIn(file, error);
  }
  const last = states.length - 1;
  const at = states.findLastIndex((state) => textOfState(state).rows === found);
  assert(at >= 0, `found what was never committed: ${found}`);
  const isTail = /\/(log-000001|vectors-[\w-]+)\.lynse$/.test(file);
  assert(at === last || isTail, `damage to ${file} took back commits`);
  try {
    // The text index is made of what the other questions read anyway, unless the checkpoint has it.
    const withText = file.includes("/derived-");
    await assertHolds(root, { ...states[at]!, description: states[last]!.description }, withText);
  } catch (error) {
    // Metadata of dead rows is met only by what reads all rows.
    if (isLynseError(error)) return corruptIn(file, error);
    throw error;
  }
  return at === last ? "same" : "earlier";
}

async function assertHolds(root: SimulatedRoot, state: CollectionState, withText: boolean): Promise<void> {
  assert.equal(await readSettings(root.database(database), hurt), textOfState(state).settings);
  await checkAnswers(await root.database(database).getCollection(hurt), state, new SeededRandom(5), { withText });
}

function corruptIn(file: string, error: unknown): Verdict {
  assert(isLynseError(error, "CORRUPT"), `expected CORRUPT, got ${error instanceof Error ? error.stack : error}`);
  const { details } = error as LynseError;
  assert.equal(typeof details["offset"], "number", "CORRUPT tells the offset");
  assert.equal(details["file"], file, "CORRUPT tells the file");
  return "corrupt";
}
