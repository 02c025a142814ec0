/**
 * How do the tests look at, and repair, a root in memory, and what may a repair have done to it?
 *
 * The small root of the crash tests, whose every version of every row is known. A repair must keep what was not hurt, name what
 * it loses, and serve nothing that was never stored.
 */
import { strict as assert } from "node:assert";
import type { InspectOptions } from "../../src/engine/inspect/collection-report.js";
import type { CollectionRepair, RepairOptions } from "../../src/engine/inspect/repair-collection.js";
import { type RootRepair, repairRoot } from "../../src/engine/inspect/repair-root.js";
import { type RootReport, verifyRoot } from "../../src/engine/inspect/verify-root.js";
import { inlinePool } from "../../src/kernel/kernel-pool.js";
import type { FileSystem } from "../../src/storage/file-system.js";
import type { Finding } from "../../src/storage/inspect/finding.js";
import type { Id } from "../../src/types.js";
import type { SmallRoot } from "../crash/damaged-root.js";
import { readRows, textOfState } from "../crash/read-world.js";
import { rootFolder, SimulatedRoot } from "../crash/simulated-root.js";

const everything = { database: null, collection: null } as const;

const fullLook: InspectOptions = { depth: "full", queries: 5, seed: 1, signal: undefined, onProgress: undefined };

const willing: RepairOptions = {
  isDryRun: false,
  keepsSuspects: false,
  signal: undefined,
  onBytes: () => {},
  confirm: async () => true,
  now: () => Date.UTC(2026, 0, 2, 3, 4, 5),
};

export function look(fs: FileSystem, options: Partial<InspectOptions> = {}): Promise<RootReport> {
  return verifyRoot(fs, rootFolder, everything, inlinePool, { ...fullLook, ...options });
}

export function mend(fs: FileSystem, options: Partial<RepairOptions> = {}): Promise<RootRepair> {
  return repairRoot(fs, rootFolder, everything, inlinePool, { ...willing, ...options });
}

/** All findings of a look but notes. */
export function findingsOf({ findings, collections }: RootReport): Finding[] {
  return [findings, ...collections.map((each) => each.findings)].flat().filter(({ severity }) => severity !== "note");
}

export function errorsOf(report: RootReport): Finding[] {
  return findingsOf(report).filter(({ severity }) => severity === "error");
}

type Row = readonly [id: Id, field: unknown, vector: unknown, named: unknown, sparse: unknown];

export interface ReadRows {
  readonly live: readonly Row[];
  readonly deleted: readonly Id[];
}

/** Rows of the collection that is hurt, as a client finds them. */
export async function rowsFound(fs: FileSystem): Promise<ReadRows> {
  const root = await SimulatedRoot.open(fs);
  try {
    return JSON.parse(await readRows(await root.database("alpha").getCollection("hurt"))) as ReadRows;
  } finally {
    await root.close();
  }
}

export function rowsAt(root: SmallRoot, at = root.states.length - 1): ReadRows {
  return JSON.parse(textOfState(root.states[at]!).rows) as ReadRows;
}

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** Throws unless what is found after a repair is what was stored, but for what the repair says is lost. */
export function judgeRepair(root: SmallRoot, { losses }: CollectionRepair, found: ReadRows): void {
  assert(losses !== null, "a repair of what is true tells its losses");
  const versions = root.states.flatMap((_, at) => rowsAt(root, at).live);
  const present = new Map(rowsAt(root).live.map((row) => [row[0], row]));
  const kept = new Map(found.live.map((row) => [row[0], row]));
  assert.equal(kept.size, found.live.length, "no id stands for two rows");
  const isVague = losses.unknowable.length > 0;
  for (const [id, field, vector, named, sparse] of found.live) {
    const own = versions.filter((row) => row[0] === id);
    assert(
      own.some((row) => same(row[2], vector)),
      `the vector of ${id} was stored once`,
    );
    const isBare = losses.lostMetadata.includes(id);
    assert(isBare || own.some((row) => same(row[1], field)), `the metadata of ${id} was stored once`);
    const now = present.get(id);
    if (now === undefined) assert(isVague, `${id} is not back without a word`);
    if (now === undefined || isVague || losses.reverted.includes(id)) continue;
    assert.deepEqual(vector, now[2], `the vector of ${id} is the last one`);
    if (!isBare) assert.deepEqual(field, now[1], `the metadata of ${id} is the last one`);
    if (!losses.lostVectors.some(({ ids }) => ids.includes(id))) assert.deepEqual(named, now[3]);
    if (!losses.lostSparse.includes(id)) assert.deepEqual(sparse, now[4]);
  }
  const isCounted = losses.lostUnknownRows > 0;
  for (const id of present.keys()) {
    assert(kept.has(id) || losses.lostRows.includes(id) || isCounted || isVague, `${id} is not lost without a word`);
  }
  for (const id of losses.lostRows) assert(!kept.has(id) || isVague, `${id} is lost as it is said`);
}
