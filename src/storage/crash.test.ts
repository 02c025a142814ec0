import { describe, expect, test } from "vitest";
import { isLynseError } from "../errors.js";
import { CollectionStore, type OpenOptions } from "./collection-store.js";
import { type FaultPlan, FaultyFileSystem, type Loss } from "./faulty-file-system.js";
import {
  contentAfter,
  createProbeStore,
  type ProbeTransaction,
  probe,
  probeFields,
  transactionOf,
} from "./store-probe.js";

const folder = "/root/db/c";
const options = { frameLimits: { rowsMax: 2, bytesMax: 120 } };
const writable: OpenOptions = { isReadOnly: false, ...options };

function rows(from: number, count: number): ProbeTransaction["rows"] {
  return Array.from({ length: count }, (_, at) => ({
    id: at % 2 === 0 ? `id-${from + at}` : from + at,
    json: at % 3 === 2 ? "" : `{"n":${from + at},"text":"${"ä".repeat(at * 3)}"}`,
    vector: [from + at, -1, 0.5],
  }));
}

/** What is on disk after a step: null before the collection exists. */
interface Expected {
  readonly content: string;
  readonly description: string | null;
  /** Number of named vector fields. */
  readonly fields: number;
}

interface Step {
  readonly name: string;
  run(fs: FaultyFileSystem, store: CollectionStore): Promise<CollectionStore>;
  readonly after: Expected;
  /** False when the step promises no durability. */
  readonly isDurable: boolean;
}

/** Vectors of a field, and sparse ones, of different lengths, for some rows. */
function attached(field: number, named: readonly number[]): Pick<ProbeTransaction, "fieldVectors" | "sparse"> {
  const bytesOf = (row: number, length: number): number[] => Array.from({ length }, (_, at) => (row * 7 + at) & 0xff);
  return {
    fieldVectors: [{ field, rows: named, vectors: named.map((row) => bytesOf(row, field === 0 ? 8 : 6)) }],
    sparse: [{ rows: named, bytes: named.map((row) => bytesOf(row, (row % 3) * 20)) }],
  };
}

const transactions: ProbeTransaction[] = [
  { rows: rows(0, 3), ...attached(0, [0, 2, 1]) },
  { rows: rows(3, 5) },
  { rows: rows(8, 1), superseded: [1, 2], moved: [[1, 8]] },
  { deleted: [0, 4], restored: [4], ...attached(1, [5, 6]) },
  { rows: rows(9, 2), ...attached(1, [10]) },
  { rows: rows(11, 2) },
  { rows: rows(13, 1) },
];
const compacted: ProbeTransaction[] = [{ rows: rows(2, 9), ...attached(1, [4, 0]) }, { deleted: [3] }];
const later: ProbeTransaction[] = [attached(0, [1, 1]), { rows: rows(20, 3) }, { rows: rows(23, 1) }];

function script(): Step[] {
  const steps: Step[] = [];
  let history: ProbeTransaction[] = [];
  let description: string | null = null;
  let fields = 0;
  const add = (name: string, run: Step["run"], isDurable = true): void => {
    steps.push({
      name,
      run,
      isDurable,
      after: { content: JSON.stringify(contentAfter(history)), description, fields },
    });
  };
  const append = (group: ProbeTransaction[], durability: "fsync" | "os"): void => {
    history = [...history, ...group];
    const run: Step["run"] = async (_fs, store) => {
      await store.append(
        group.map((each) => transactionOf(each)),
        durability,
      );
      return store;
    };
    add(`append ${durability}`, run, durability === "fsync");
  };
  const checkpoint: Step["run"] = async (_fs, store) => {
    const bytes = new TextEncoder().encode("derived");
    await store.writeCheckpoint(store.position, [{ name: "a", bytes }]);
    return store;
  };
  add("create", (fs) => createProbeStore(fs, folder, options, null));
  add("fix dim", async (_fs, store) => {
    await store.updateConfig({ dim: 3 });
    return store;
  });
  for (fields = 1; fields <= 2; fields++) {
    const vectorFields = probeFields.slice(0, fields);
    add("add field", async (_fs, store) => {
      await store.updateConfig({ vectorFields });
      return store;
    });
  }
  fields = 2;
  append([transactions[0]!], "fsync");
  append([transactions[1]!, transactions[2]!], "fsync");
  append([transactions[3]!], "fsync");
  add("checkpoint", checkpoint);
  append([transactions[4]!], "os");
  append([transactions[5]!], "os");
  append([transactions[6]!], "fsync");
  description = "new";
  add("describe", async (_fs, store) => {
    await store.updateConfig({ description: "new" });
    return store;
  });
  history = compacted;
  add("new generation", async (_fs, store) => {
    const writer = await store.beginGeneration();
    try {
      for (const each of compacted) await writer.append([transactionOf(each)]);
      const next = await writer.finish();
      await store.close();
      return next;
    } catch (error) {
      // After a crash this fails as well: there is no process that could clear up.
      await writer.abort();
      throw error;
    }
  });
  append([later[0]!], "fsync");
  append([later[1]!], "fsync");
  add("checkpoint again", checkpoint);
  append([later[2]!], "os");
  add("sync", async (_fs, store) => {
    await store.sync();
    return store;
  });
  return steps;
}

const steps = script();

/** A machine with an empty root. */
async function machine(seed: number, plan: FaultPlan = {}): Promise<FaultyFileSystem> {
  const fs = new FaultyFileSystem(seed);
  await fs.makeFolder("/root");
  await fs.syncFolder("/");
  fs.arm(plan);
  return fs;
}

/** Runs the script until it ends or throws; tells how far it came. */
async function play(fs: FaultyFileSystem): Promise<{ reached: number; error: unknown; store: CollectionStore | null }> {
  let store: CollectionStore | null = null;
  for (let at = 0; at < steps.length; at++) {
    try {
      store = await steps[at]!.run(fs, store as CollectionStore);
    } catch (error) {
      return { reached: at, error, store };
    }
  }
  return { reached: steps.length, error: null, store };
}

/** States that may be found when step `reached` was under way: from the last durable one to that step's own. */
function allowed(reached: number): Set<string> {
  let first = reached;
  while (first > 0 && !steps[first - 1]!.isDurable) first--;
  const states = steps.slice(Math.max(0, first - 1), reached + 1).map((step) => JSON.stringify(step.after));
  if (first === 0) states.push("none");
  return new Set(states);
}

function told({ content, config }: Awaited<ReturnType<typeof probe>>): Expected {
  const { description, vectorFields = [] } = config;
  return { content: JSON.stringify(content), description, fields: vectorFields.length };
}

/** What a start of the program finds. */
async function find(fs: FaultyFileSystem): Promise<string> {
  try {
    const found = await probe(fs, folder, writable);
    return JSON.stringify(told(found));
  } catch (error) {
    if (isLynseError(error, "COLLECTION_NOT_FOUND")) return "none";
    throw error;
  }
}

/** A program that goes on after a crash: one more commit, which then must survive whatever comes. */
async function goOn(fs: FaultyFileSystem, state: string): Promise<void> {
  if (state === "none") return;
  const before = JSON.parse(JSON.parse(state).content) as ReturnType<typeof contentAfter>;
  const store = await CollectionStore.open(fs, folder, writable);
  await store.replay(null, {
    rows() {},
    superseded() {},
    deleted() {},
    restored() {},
    moved() {},
    fieldVectors() {},
    sparse() {},
  });
  if (store.config.dim === null) await store.updateConfig({ dim: 3 });
  if (store.config.vectorFields === undefined) await store.updateConfig({ vectorFields: probeFields });
  const next = { rows: rows(90, 3), ...attached(0, [before.rows.length + 1]) };
  await store.append([transactionOf(next)], "fsync");
  const added = contentAfter([next]);
  const expected = [...before.rows, ...added.rows];
  const after = expected.length;
  const hanging = [...before.attached, ...added.attached.map((each) => ({ ...each, after }))];
  for (const loss of ["dropped", "reordered"] as const) {
    const { content } = await probe(fs.afterPowerLoss(loss, 5), folder, writable);
    expect(content.rows).toEqual(expected);
    expect(content.lists).toEqual(before.lists);
    expect(content.attached).toEqual(hanging);
  }
}

async function changesOfScript(): Promise<number> {
  const fs = await machine(1);
  expect((await play(fs)).error).toBe(null);
  return fs.changes;
}

describe("a crash at any call leaves a committed state", () => {
  for (const loss of ["dropped", "kept", "torn", "reordered"] as const satisfies Loss[]) {
    test(`power loss, unsynced writes ${loss}`, async () => {
      const count = await changesOfScript();
      const seeds = loss === "dropped" || loss === "kept" ? [1] : [1, 2, 3];
      for (let at = 1; at <= count; at++) {
        const fs = await machine(at, { crashAtChange: at });
        const { reached } = await play(fs);
        expect(fs.isCrashed).toBe(true);
        for (const seed of seeds) {
          const next = fs.afterPowerLoss(loss, at * 100 + seed);
          const state = await find(next);
          const where = `call ${at} (${fs.trace.at(-1)}), step ${steps[reached]?.name}, seed ${seed}`;
          expect(allowed(reached), where).toContain(state);
          await goOn(next, state);
        }
      }
    });
  }

  test("the process is killed, the next one goes on, then the power fails", async () => {
    const count = await changesOfScript();
    for (let at = 1; at <= count; at++) {
      const fs = await machine(at, { crashAtChange: at });
      const { reached } = await play(fs);
      const next = fs.afterKill(at);
      const state = await find(next);
      expect(allowed(reached), `call ${at} (${fs.trace.at(-1)})`).toContain(state);
      for (const loss of ["dropped", "torn", "reordered"] as const) {
        expect(await find(next.afterPowerLoss(loss, at)), `found once, found again; call ${at}, ${loss}`).toBe(state);
      }
      await goOn(next, state);
    }
  });

  test("a crash during recovery, at any call, changes nothing", async () => {
    const count = await changesOfScript();
    for (let at = 5; at <= count; at += 7) {
      const first = await machine(at, { crashAtChange: at });
      await play(first);
      const found = first.afterPowerLoss("torn", at);
      const state = await find(found.afterKill(1));
      if (state === "none") continue;
      for (let recovery = 1; ; recovery++) {
        const again = first.afterPowerLoss("torn", at);
        again.arm({ crashAtChange: recovery });
        const result = await find(again).catch((error: unknown) => error);
        if (!again.isCrashed) {
          expect(result).toBe(state);
          break;
        }
        for (const loss of ["dropped", "reordered"] as const) {
          const last = again.afterPowerLoss(loss, recovery);
          expect(await find(last), `call ${at}, recovery call ${recovery}, ${loss}`).toBe(state);
          await goOn(last, state);
        }
      }
    }
  });

  test("short reads and writes change nothing", async () => {
    const fs = await machine(3, { isShort: true });
    expect((await play(fs)).error).toBe(null);
    expect(await find(fs)).toBe(JSON.stringify(steps.at(-1)!.after));
  });
});

async function callsOfScript(): Promise<number> {
  const fs = await machine(1);
  await play(fs);
  return fs.calls;
}

describe("a failure at any call loses nothing that was committed", () => {
  for (const [errno, staysFull] of [
    ["EIO", false],
    ["ENOSPC", false],
    ["ENOSPC", true],
  ] as const) {
    test(`${errno}${staysFull ? ", and the disk stays full" : ""}`, async () => {
      const count = await callsOfScript();
      for (let at = 1; at <= count; at++) {
        const fs = await machine(at, { failAtCall: at, errno, staysFull });
        const { reached, error, store } = await play(fs);
        const where = `call ${at} (${fs.trace[at - 1]}), step ${steps[reached]?.name}`;
        fs.heal();
        if (error === null) {
          expect(await find(fs), where).toBe(JSON.stringify(steps.at(-1)!.after));
          continue;
        }
        expect(isLynseError(error), `${where}: ${error}`).toBe(true);
        expect(isLynseError(error, errno === "EIO" ? "IO_ERROR" : "NO_SPACE"), `${where}: ${error}`).toBe(true);
        for (const loss of ["dropped", "reordered"] as const) {
          expect(allowed(reached), `${where}, ${loss}`).toContain(await find(fs.afterPowerLoss(loss, at)));
        }
        await checkGoesOn(fs, store, reached, where);
      }
    });
  }
});

test("a failure at any call of an open is told as such, and costs nothing", async () => {
  const fs = await machine(1);
  await play(fs);
  const whole = JSON.stringify(steps.at(-1)!.after);
  let failures = 0;
  for (let at = 1; ; at++) {
    const next = fs.afterKill(at);
    next.arm({ failAtCall: at, errno: "EIO" });
    const result = await find(next).catch((error: unknown) => error);
    const isOver = next.calls < at;
    if (typeof result !== "string") {
      failures++;
      expect(isLynseError(result, "IO_ERROR"), `${next.trace.at(-1)}: ${result}`).toBe(true);
    } else expect(result).toBe(whole);
    next.heal();
    expect(await find(next)).toBe(whole);
    if (isOver) break;
  }
  expect(failures).toBeGreaterThan(20);
});

/** After a failure: the store goes on with the failed step, or refuses to write and can be read. */
async function checkGoesOn(
  fs: FaultyFileSystem,
  store: CollectionStore | null,
  reached: number,
  where: string,
): Promise<void> {
  let current = store;
  for (let at = reached; at < steps.length; at++) {
    if (current === null) break;
    try {
      current = await steps[at]!.run(fs, current);
    } catch (error) {
      expect(at, `${where}: ${error}`).toBe(reached);
      const isRefusal = current.poison !== null || isLynseError(error, "CLOSED");
      expect(isRefusal, `${where}: ${error}`).toBe(true);
      const read = await probe(fs, folder, { isReadOnly: true });
      expect(allowed(reached), where).toContain(JSON.stringify(told(read)));
      // The next process must not build on what only a cache holds.
      const state = await find(fs.afterKill(7));
      await goOn(fs.afterKill(8), state);
      return;
    }
  }
  if (current !== null) expect(await find(fs), where).toBe(JSON.stringify(steps.at(-1)!.after));
}
