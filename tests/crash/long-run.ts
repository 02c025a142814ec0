/**
 * How long do the promises hold?
 *
 * The program behind `npm run test:crash`: simulated crashes and failures from one seed after the other and kill rounds on
 * a real folder, for as many minutes as it is given; or one run again, by the arguments that a failure names.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { FaultPlan } from "../../src/storage/faulty-file-system.js";
import { SeededRandom } from "../../src/storage/seeded-random.js";
import { KillRounds, type Mode } from "./kill-rounds.js";
import { callsOf, changesOf, crashAt, faultAt, lives } from "./scenarios.js";

const modes: readonly Mode[] = ["mixed", "compact", "checkpoint"];

const counts = { runs: 0, crashes: 0, failures: 0, calls: 0, kills: 0, killedCommits: 0 };

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
  const { faults, calls } = await lives(seed);
  counts.runs += 1;
  counts.crashes += faults;
  counts.calls += calls;
}

async function crashOnce(seed: number, steps: number, at: number): Promise<void> {
  const { faults, calls } = await crashAt(seed, steps, at);
  counts.runs += 1;
  counts.crashes += faults;
  counts.calls += calls;
}

async function faultOnce(seed: number, steps: number, plan: FaultPlan): Promise<void> {
  const { faults, calls } = await faultAt(seed, steps, plan);
  counts.runs += 1;
  counts.failures += faults;
  counts.calls += calls;
}

/** Simulated runs from `seed` on, until the time is up. Resolves to the next seed. */
async function simulate(seed: number, endsAtMs: number): Promise<number> {
  let next = seed;
  for (; Date.now() < endsAtMs; next++) {
    const random = new SeededRandom(next);
    await reproducible(`--lives ${next}`, () => livesOnce(next));
    const steps = 8 + random.below(40);
    const at = 1 + random.below(await changesOf(next, steps));
    await reproducible(`--crash ${next},${steps},${at}`, () => crashOnce(next, steps, at));
    const failAtCall = 1 + random.below(await callsOf(next, steps));
    const errno = random.oneIn(2) ? "EIO" : "ENOSPC";
    const staysFull = errno === "ENOSPC" && random.oneIn(2);
    const plan = { failAtCall, errno, staysFull };
    await reproducible(`--fault ${next},${steps},${failAtCall},${errno},${staysFull}`, () =>
      faultOnce(next, steps, plan),
    );
  }
  return next;
}

/** Kill rounds on one folder, until the time is up. */
async function kill(seed: number, endsAtMs: number, tests: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "lynsedb-kill-"));
  const random = new SeededRandom(seed);
  const rounds = new KillRounds(folder, tests);
  const commitsBefore = counts.killedCommits;
  await reproducible(`--seed ${seed}, the folder is ${folder}`, async () => {
    for (let round = 0; Date.now() < endsAtMs; round++) {
      await rounds.round(seed + round, modes[round % modes.length]!, random.below(random.oneIn(4) ? 1500 : 250));
      counts.kills += 1;
      counts.killedCommits = commitsBefore + rounds.commits;
    }
  });
  rmSync(folder, { recursive: true, force: true });
}

function numbers(text: string): number[] {
  return text.split(",").map(Number);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "5" },
      seed: { type: "string", default: "1" },
      tests: { type: "string" },
      lives: { type: "string" },
      crash: { type: "string" },
      fault: { type: "string" },
    },
  });
  if (values.lives !== undefined) {
    await livesOnce(Number(values.lives));
  } else if (values.crash !== undefined) {
    const [seed, steps, at] = numbers(values.crash);
    await crashOnce(seed!, steps!, at!);
  } else if (values.fault !== undefined) {
    const [seed, steps, failAtCall, errno, staysFull] = values.fault.split(",");
    const plan = { failAtCall: Number(failAtCall), errno: errno!, staysFull: staysFull === "true" };
    await faultOnce(Number(seed), Number(steps), plan);
  } else {
    const endsAtMs = Date.now() + Number(values.minutes) * 60_000;
    let seed = Number(values.seed);
    for (let turn = 0; Date.now() < endsAtMs; turn++) {
      const turnEndsAtMs = Math.min(endsAtMs, Date.now() + 60_000);
      seed = await simulate(seed, turnEndsAtMs - (turnEndsAtMs - Date.now()) / 2);
      await kill(Number(values.seed) + turn * 10_000, turnEndsAtMs, values.tests!);
      process.stdout.write(`${JSON.stringify({ nextSeed: seed, ...counts })}\n`);
    }
  }
  process.stdout.write(`no promise was broken: ${JSON.stringify(counts)}\n`);
}

await main();
