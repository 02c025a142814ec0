/**
 * Which ends does the simulator put programs to?
 *
 * Each function is one run that follows from its arguments, throws where a promise is broken, and resolves to what it did.
 */
import { strict as assert } from "node:assert";
import { isLynseError } from "../../src/errors.js";
import type { FaultPlan } from "../../src/storage/faulty-file-system.js";
import { SeededRandom } from "../../src/storage/seeded-random.js";
import { JumpingClock } from "./jumping-clock.js";
import { isTurnedAway, ruins, Simulator, type SimulatorOptions } from "./simulator.js";

export interface Counts {
  /** Crashes, or faults that hit. */
  readonly faults: number;
  /** Calls that resolved. */
  readonly calls: number;
  /** Snapshots and exports that were restored elsewhere and read, each time one was new or its files had changed. */
  readonly copies: number;
}

/** Calls that a program makes first, instead of random ones. */
type Script = NonNullable<SimulatorOptions["script"]>;

/** Changes that the program of a seed makes in `steps` steps. */
export async function changesOf(seed: number, steps: number, script: Script = []): Promise<number> {
  const run = new Simulator(seed, { script });
  assert(await run.run(steps), "a run without faults reaches its end");
  const { changes } = run.fs;
  await run.end();
  return changes;
}

/** File system calls that the program of a seed makes in `steps` steps. */
export async function callsOf(seed: number, steps: number, script: Script = []): Promise<number> {
  const run = new Simulator(seed, { script });
  assert(await run.run(steps), "a run without faults reaches its end");
  const { calls } = run.fs;
  await run.end();
  return calls;
}

/**
 * The program crashes in the middle of its change number `at`, or at its end where it makes fewer; whatever the files lose,
 * it goes on, and crashes again.
 */
export async function crashAt(seed: number, steps: number, at: number, script: Script = []): Promise<Counts> {
  const run = new Simulator(seed, { plan: { crashAtChange: at }, script });
  await run.run(steps);
  let calls = run.resolved;
  for (const ruin of ruins) {
    const next = run.afterCrash(ruin, at);
    assert(await next.reopen(), "nothing comes in between");
    await next.run(3);
    calls += next.resolved;
    const last = next.afterCrash("dropped", at);
    await next.end();
    await last.reopen();
    await last.end();
  }
  await run.end();
  return { faults: ruins.length * 2, calls, copies: run.copiesRead };
}

/**
 * Several lives of a program, each ended by a crash at a random change, some while it recovers from the last; its clock jumps
 * by hours.
 */
export async function lives(seed: number): Promise<Counts> {
  const clock = new JumpingClock();
  try {
    return await livesBy(clock, seed);
  } finally {
    clock.restore();
  }
}

async function livesBy(clock: JumpingClock, seed: number): Promise<Counts> {
  const random = new SeededRandom(seed ^ 0x5eed);
  // Without fsync only the end of the process is survived, so only that is put to it.
  const durability = random.oneIn(5) ? "os" : "fsync";
  const plan = (): FaultPlan => ({
    crashAtChange: 1 + random.below(random.oneIn(3) ? 12 : 160),
    isShort: random.oneIn(6),
  });
  let run = new Simulator(seed, { plan: plan(), durability, clock });
  let calls = 0;
  const crashes = 3 + random.below(6);
  for (let crash = 0; crash < crashes; crash++) {
    await run.run(4 + random.below(40));
    calls += run.resolved;
    const ruin = durability === "os" ? "killed" : ruins[random.below(ruins.length)]!;
    const next = run.afterCrash(ruin, random.below(0x7fff_ffff));
    await run.end();
    if (ruin !== "killed" && random.oneIn(2)) await next.forgetCopy();
    next.fs.arm(plan());
    await next.reopen();
    run = next;
  }
  const last = run.afterCrash(durability === "os" ? "killed" : "dropped", seed);
  await run.end();
  assert(await last.reopen(), "nothing comes in between");
  await last.end();
  return { faults: crashes + 1, calls, copies: last.copiesRead };
}

/** A call of the program's fails; it goes on, and loses nothing. */
export async function faultAt(seed: number, steps: number, plan: FaultPlan, script: Script = []): Promise<Counts> {
  const run = new Simulator(seed, { plan, script });
  for (let step = 0; step < steps; step++) await run.step();
  const isHit = run.fs.calls >= (plan.failAtCall ?? 0);
  run.fs.heal();
  await goOn(run);
  const again = run.afterCrash("dropped", seed);
  await run.end();
  assert(await again.reopen(), "nothing comes in between");
  await again.end();
  return { faults: isHit ? 1 : 0, calls: run.resolved + again.resolved, copies: again.copiesRead };
}

/** With the disk well again, writing works, or a call says that the root must be opened again and then it works. */
async function goOn(run: Simulator): Promise<void> {
  for (let step = 0; step < 4; step++) {
    await run.step();
    if (run.cut === null) continue;
    const { cut } = run;
    const isClear = isLynseError(cut, "CLOSED") || isTurnedAway(cut);
    assert(isClear, `the disk is well, but a call throws ${cut}\nafter\n  ${run.history.join("\n  ")}`);
    break;
  }
  await run.closeAndReopen();
  for (let step = 0; step < 4; step++) {
    await run.step();
    assert.equal(run.cut, null, `opened again, on a disk that is well, a call throws ${run.cut}`);
  }
}
