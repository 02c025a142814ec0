/**
 * How long do the promises hold?
 *
 * The program behind `npm run test:crash`: simulated crashes, failures and damage from one seed after the other and kill
 * rounds on a real folder, for as many minutes, seeds and rounds as it is given; or one run again, by the arguments that a
 * failure names.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { FaultPlan } from "../../src/storage/faulty-file-system.js";
import { SeededRandom } from "../../src/storage/seeded-random.js";
import { KillRounds, type Mode } from "./kill-rounds.js";
import { rotAfter } from "./rotten.js";
import { changesOf, crashAt, faultAt, lives } from "./scenarios.js";
import { type ScriptName, scripts } from "./scripts.js";

const modes: readonly Mode[] = ["mixed", "compact", "checkpoint"];

/** What was done. Copies are snapshots and exports that were restored and compared with the model. */
const counts = {
  seeds: 0,
  crashes: 0,
  faults: 0,
  damaged: 0,
  calls: 0,
  copies: 0,
  kills: 0,
  killedCommits: 0,
};

/** Time that simulated runs, or kill rounds, take at a time. */
const turnMs = 30_000;

/** About as many changes as the longer script makes; beyond the last one it crashes at its end. */
const scriptChangesMax = 370;

/** What a run is to go on to. */
interface Bounds {
  readonly endsAtMs: number;
  readonly seedsMax: number;
  readonly killsMax: number;
}

/** Runs `work`; a failure says how to see it again, and ends the program. */
async function reproducible(command: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    process.stdout.write(
      `${error instanceof Error ? error.stack : error}\n\nagain: npm run test:crash -- ${command}\n`,
    );
    process.exit(1);
  }
}

async function livesOnce(seed: number): Promise<void> {
  const { faults, calls, copies } = await lives(seed);
  counts.crashes += faults;
  counts.calls += calls;
  counts.copies += copies;
}

async function crashOnce(seed: number, steps: number, at: number): Promise<void> {
  const { faults, calls, copies } = await crashAt(seed, steps, at);
  counts.crashes += faults;
  counts.calls += calls;
  counts.copies += copies;
}

/** A crash at change `at` of a program that is not random; at each change from there to `last`. */
async function scriptCrashes(name: ScriptName, at: number, last = at): Promise<void> {
  const script = scripts[name];
  for (; at <= last; at++) {
    await reproducible(`--script ${name},${at}`, async () => {
      const { faults, calls, copies } = await crashAt(1, script.length, at, script);
      counts.crashes += faults;
      counts.calls += calls;
      counts.copies += copies;
    });
  }
}

async function faultOnce(seed: number, steps: number, plan: FaultPlan): Promise<void> {
  const { faults, calls, copies } = await faultAt(seed, steps, plan);
  counts.faults += faults;
  counts.calls += calls;
  counts.copies += copies;
}

async function rotOnce(seed: number): Promise<void> {
  await rotAfter(seed);
  counts.damaged += 1;
}

/** The run of a seed: which kind, and where it is put to what, follow from it. */
async function runSeed(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const kind = random.below(10);
  const steps = 8 + random.below(40);
  if (kind < 4) {
    await reproducible(`--lives ${seed}`, () => livesOnce(seed));
  } else if (kind === 4) {
    await scriptCrashes(random.oneIn(3) ? "replacing" : "maintaining", 1 + random.below(scriptChangesMax));
  } else if (kind === 5) {
    const at = 1 + random.below(steps * 10);
    await reproducible(`--crash ${seed},${steps},${at}`, () => crashOnce(seed, steps, at));
  } else if (kind < 9) {
    const failAtCall = 1 + random.below(steps * 16);
    const errno = random.oneIn(2) ? "EIO" : "ENOSPC";
    const staysFull = errno === "ENOSPC" && random.oneIn(2);
    const command = `--fault ${seed},${steps},${failAtCall},${errno},${staysFull}`;
    await reproducible(command, () => faultOnce(seed, steps, { failAtCall, errno, staysFull }));
  } else {
    await reproducible(`--rot ${seed}`, () => rotOnce(seed));
  }
  counts.seeds += 1;
}

/** Kill rounds on one folder, for a turn. */
async function kill(seed: number, tests: string, { endsAtMs, killsMax }: Bounds): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "lynsedb-kill-"));
  const random = new SeededRandom(seed);
  const rounds = new KillRounds(folder, tests);
  const commitsBefore = counts.killedCommits;
  const turnEndsAtMs = Math.min(endsAtMs, Date.now() + turnMs);
  await reproducible(`--seed ${seed}, the folder is ${folder}`, async () => {
    for (let round = 0; Date.now() < turnEndsAtMs && counts.kills < killsMax; round++) {
      await rounds.round(seed + round, modes[round % modes.length]!, random.below(random.oneIn(4) ? 1500 : 250));
      counts.kills += 1;
      counts.killedCommits = commitsBefore + rounds.commits;
    }
  });
  rmSync(folder, { recursive: true, force: true });
}

/** Seeds and kill rounds in turn, until there is enough of both. */
async function runTurns(seed: number, tests: string, bounds: Bounds): Promise<void> {
  const { endsAtMs, seedsMax, killsMax } = bounds;
  let next = seed;
  for (let turn = 0; Date.now() < endsAtMs && (counts.seeds < seedsMax || counts.kills < killsMax); turn++) {
    const turnEndsAtMs = Math.min(endsAtMs, Date.now() + turnMs);
    for (; Date.now() < turnEndsAtMs && counts.seeds < seedsMax; next++) await runSeed(next);
    await kill(seed + turn * 10_000, tests, bounds);
    process.stdout.write(`${JSON.stringify({ nextSeed: next, ...counts })}\n`);
  }
}

/** Once more what a failure printed; false where the arguments name no run. */
async function runAgain(values: Readonly<Record<string, string | undefined>>): Promise<boolean> {
  const { lives: livesSeed, rot, crash, fault, script } = values;
  if (livesSeed !== undefined) await livesOnce(Number(livesSeed));
  else if (rot !== undefined) await rotOnce(Number(rot));
  else if (crash !== undefined) {
    const [seed, steps, at] = crash.split(",").map(Number);
    await crashOnce(seed!, steps!, at!);
  } else if (fault !== undefined) {
    const [seed, steps, failAtCall, errno, staysFull] = fault.split(",");
    const plan = { failAtCall: Number(failAtCall), errno: errno!, staysFull: staysFull === "true" };
    await faultOnce(Number(seed), Number(steps), plan);
  } else if (script !== undefined) {
    const [name, from, to] = script.split(",");
    const known = name as ScriptName;
    const all = from === undefined;
    const last = all ? await changesOf(1, scripts[known].length, scripts[known]) : Number(to ?? from);
    await scriptCrashes(known, all ? 1 : Number(from), last);
  } else return false;
  return true;
}

async function main(): Promise<void> {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      ...{ minutes: text, seeds: text, kills: text, tests: text },
      ...{ seed: { ...text, default: "1" }, lives: text, crash: text, fault: text, rot: text, script: text },
    },
  });
  if (!(await runAgain(values))) {
    const { minutes, seeds, kills } = values;
    // Counts are enough; who gives nothing has five minutes.
    const isCounted = seeds !== undefined || kills !== undefined;
    const minutesMax = minutes === undefined ? (isCounted ? Number.POSITIVE_INFINITY : 5) : Number(minutes);
    const most = (given: string | undefined): number =>
      given === undefined ? (isCounted ? 0 : Number.POSITIVE_INFINITY) : Number(given);
    const endsAtMs = Date.now() + minutesMax * 60_000;
    await runTurns(Number(values.seed), values.tests!, { endsAtMs, seedsMax: most(seeds), killsMax: most(kills) });
  }
  process.stdout.write(`no promise was broken: ${JSON.stringify(counts)}\n`);
}

await main();
