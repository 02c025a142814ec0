/**
 * What does bit rot between two lives of a program lead to, in any file of the root and of the copies beside it?
 *
 * A random program runs and ends; then one file is changed, under every name that it has. Collections and copies that have
 * no part in the file hold what they held. Those that have hold it, too, or say `CORRUPT`; a collection may be as it was at
 * an earlier commit where the end of its log or vectors is hurt. A copy is never put into anybody's place unless it is
 * whole, and a damaged collection can be restored over.
 */
import { strict as assert } from "node:assert";
import { isLynseError } from "../../src/errors.js";
import type { FaultyFileSystem } from "../../src/storage/faulty-file-system.js";
import { SeededRandom } from "../../src/storage/seeded-random.js";
import { readCopy } from "./read-copy.js";
import { type CollectionText, readCollection, textOfCopy, textOfState } from "./read-world.js";
import { copiesFolder, rootFolder, SimulatedRoot } from "./simulated-root.js";
import { Simulator } from "./simulator.js";
import type { World } from "./world.js";

/** What was seen while the program ran. */
interface Past {
  /** Rows of every collection after every call. */
  readonly rows: Set<string>;
  /** What an import writes piece by piece has states that nobody saw. */
  hasImported: boolean;
}

/** How often damage was told, or led to an earlier state, or to nothing. */
export type RotVerdicts = Record<"refused" | "earlier" | "same", number>;

/** Runs the program of a seed, damages a file, and judges what is found where the file belongs. */
export async function rotAfter(seed: number): Promise<RotVerdicts> {
  const random = new SeededRandom(seed ^ 0x0b17);
  const run = new Simulator(seed, { isSequential: true });
  const past: Past = { rows: new Set(), hasImported: false };
  for (let steps = 12 + random.below(40); steps > 0; steps--) {
    assert(await run.step(), "a run without faults goes on");
    for (const content of Object.values(run.shown.databases)) {
      for (const state of Object.values(content)) past.rows.add(textOfState(state).rows);
    }
  }
  past.hasImported = run.history.some((line) => line.includes('"kind":"import"'));
  if (random.oneIn(2)) await run.closeAndReopen();
  const { fs } = run.afterCrash("kept", seed);
  const world = run.shown;
  await run.end();
  const hurt = await damageOne(fs, random);
  const verdicts: RotVerdicts = { refused: 0, earlier: 0, same: 0 };
  try {
    for (const [name, copy] of Object.entries(world.copies)) {
      const verdict = await judgeCopy(fs, name, textOfCopy(copy), hurt);
      if (isIn(`${copiesFolder}/${name}`, hurt)) verdicts[verdict] += 1;
    }
    await judgeRoot(fs, world, { past, hurt, random, verdicts });
  } catch (error) {
    const message = error instanceof Error ? error.stack : error;
    throw new Error(`damaged: ${hurt.join(", ")}\n${message}\nafter\n  ${run.history.join("\n  ")}`);
  }
  return verdicts;
}

/** Flips a bit of a file, cuts it, or fills a part with zeros; every path of the file. */
async function damageOne(fs: FaultyFileSystem, random: SeededRandom): Promise<string[]> {
  const files = [...fs.contentsOf("/data")].filter(
    ([path, bytes]) => (bytes?.length ?? 0) > 0 && !path.endsWith(".lock"),
  );
  // Copies are fewer than files of the root, and there is more that reads them.
  const ofCopies = files.filter(([each]) => each.startsWith(`${copiesFolder}/`));
  const from = ofCopies.length > 0 && random.oneIn(2) ? ofCopies : files;
  const [path] = from[random.below(from.length)]!;
  return fs.damage(path, (bytes) => {
    const at = random.below(bytes.length);
    if (random.oneIn(4)) return bytes.slice(0, at);
    if (random.oneIn(4)) bytes.fill(0, at, at + 1 + random.below(64));
    else bytes[at]! ^= 1 << random.below(8);
    return bytes;
  });
}

/** What is made of log and vectors costs nothing but time: a file of an index, a checkpoint. */
const derivedFile = /\/g\d+\/(index-[^/]+\/[^/]+|derived-\d+\.lynse)$/;

function isIn(folder: string, hurt: readonly string[]): boolean {
  return hurt.some((path) => path.startsWith(`${folder}/`));
}

/** A copy is as it was, or refused. */
async function judgeCopy(
  fs: FaultyFileSystem,
  name: string,
  expected: string,
  hurt: readonly string[],
): Promise<"same" | "refused"> {
  const folder = `${copiesFolder}/${name}`;
  try {
    assert.equal(await readCopy(name, fs.contentsOf(folder)), expected, `copy ${name} holds what it held`);
    return "same";
  } catch (error) {
    if (!isIn(folder, hurt) || !isDamage(error)) throw error;
    return "refused";
  }
}

/** True for what the reader of a damaged file says; what it says of an export depends on what the bytes look like now. */
function isDamage(error: unknown): boolean {
  return isLynseError(error) && error.code !== "INTERNAL" && error.code !== "IO_ERROR";
}

/** What a judgement goes by, and what it counts. */
interface Case {
  readonly past: Past;
  readonly hurt: readonly string[];
  readonly random: SeededRandom;
  readonly verdicts: RotVerdicts;
}

async function judgeRoot(fs: FaultyFileSystem, world: World, rot: Case): Promise<void> {
  const { hurt, verdicts } = rot;
  let root: SimulatedRoot;
  try {
    root = await SimulatedRoot.open(fs);
  } catch (error) {
    const isTold = hurt.includes(`${rootFolder}/lynse.json`) && isLynseError(error, "CORRUPT");
    assert(isTold, `the root does not open: ${error}`);
    verdicts.refused += 1;
    return;
  }
  for (const [database, content] of Object.entries(world.databases)) {
    for (const [name, state] of Object.entries(content)) {
      const place = `${database}/${name}`;
      const isHurt = isIn(`${rootFolder}/${place}`, hurt) && !hurt.every((path) => derivedFile.test(path));
      const found = await readOrRefuse(root, database, name);
      if (found === null) assert(isHurt, `${place} is refused, though no file of it was damaged`);
      const verdict =
        found === null ? "refused" : judgeTexts(found, textOfState(state), isHurt ? rot.past : null, place);
      if (isHurt) verdicts[verdict] += 1;
      await judgeRestore(root, world, { database, name, found }, rot);
    }
  }
  await root.close();
}

/** What a collection holds; null where it says that it is damaged. */
async function readOrRefuse(root: SimulatedRoot, database: string, name: string): Promise<CollectionText | null> {
  try {
    return await readCollection(root.database(database), name);
  } catch (error) {
    if (isLynseError(error, "CORRUPT")) return null;
    throw error;
  }
}

/** @param past Null where the collection must be as it was. */
function judgeTexts(
  found: CollectionText,
  expected: CollectionText,
  past: Past | null,
  place: string,
): "same" | "earlier" {
  assert.equal(found.settings, expected.settings, `settings of ${place}`);
  assert.equal(found.blobs, expected.blobs, `blobs of ${place}`);
  if (found.rows === expected.rows) return "same";
  const isEarlier = past !== null && (past.hasImported || past.rows.has(found.rows));
  if (!isEarlier) assert.equal(found.rows, expected.rows, `rows of ${place}`);
  return "earlier";
}

interface Judged {
  readonly database: string;
  readonly name: string;
  /** Null: it is refused. */
  readonly found: CollectionText | null;
}

/** A snapshot takes the collection's place as a whole, whatever state that is in; or nothing has changed. */
async function judgeRestore(
  root: SimulatedRoot,
  { copies }: World,
  { database, name, found }: Judged,
  { hurt, random }: Case,
): Promise<void> {
  const snapshots = Object.entries(copies).filter(([, { kind }]) => kind === "snapshot");
  const damaged = snapshots.find(([each]) => isIn(`${copiesFolder}/${each}`, hurt));
  const [copy, made] = damaged ?? snapshots[random.below(snapshots.length)] ?? [];
  if (copy === undefined || made === undefined || made.kind === "database") return;
  const path = `${copiesFolder}/${copy}`;
  try {
    await root.database(database).restoreCollection(name, path, { overwrite: true });
  } catch (error) {
    assert(isIn(path, hurt) && isDamage(error), `${copy} is not restored over ${database}/${name}: ${error}`);
    assert.deepEqual(await readOrRefuse(root, database, name), found, "a restore that is refused has changed nothing");
    return;
  }
  const expected = textOfState(made.state);
  assert.deepEqual(await readOrRefuse(root, database, name), expected, `${copy} over ${database}/${name}`);
}
