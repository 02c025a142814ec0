import { expect, test } from "vitest";
import { rotAfter } from "./rotten.js";
import { callsOf, changesOf, crashAt, faultAt, lives } from "./scenarios.js";
import { Simulator } from "./simulator.js";

/** Runs one seed; a failure tells how to see it again. */
async function reproducible<T>(command: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw new Error(`npm run test:crash -- ${command}\n${error instanceof Error ? error.stack : error}`);
  }
}

test("a run without faults agrees with the model", async () => {
  for (let seed = 1; seed <= 6; seed++) {
    const run = new Simulator(seed);
    await run.reopen();
    expect(await run.run(50)).toBe(true);
    await run.closeAndReopen();
    await run.end();
  }
});

// The program of this seed takes snapshots of a collection and of a database, restores both over what is there, replaces and
// deletes rows that sparse vectors hang on, drops a collection, and does some of it at one time.
const thorough = { seed: 35, steps: 13 };

test("a crash at every third change of a run leaves what was committed", async () => {
  const { seed, steps } = thorough;
  const changes = await changesOf(seed, steps);
  for (let at = 1; at <= changes; at += 3) {
    await reproducible(`--crash ${seed},${steps},${at}`, () => crashAt(seed, steps, at));
  }
}, 120_000);

test("crashes at random, while recovering too, and clocks that jump", async () => {
  for (let seed = 1; seed <= 25; seed++) await reproducible(`--lives ${seed}`, () => lives(seed));
});

test("a failure at every fourth call loses nothing: of the device, of a full disk, of one that stays full for a while", async () => {
  const { seed, steps } = thorough;
  const calls = await callsOf(seed, steps);
  const plans = [{ errno: "EIO" }, { errno: "ENOSPC" }, { errno: "ENOSPC", staysFull: true }];
  for (let at = 1; at <= calls; at += 4) {
    const plan = plans[(at >> 2) % plans.length]!;
    const command = `--fault ${seed},${steps},${at},${plan.errno},${plan.staysFull ?? false}`;
    await reproducible(command, () => faultAt(seed, steps, { ...plan, failAtCall: at }));
  }
}, 120_000);

test("a damaged file of a root, or of a copy, is found or changes nothing, and is restored over", async () => {
  const sum = { refused: 0, earlier: 0, same: 0 };
  for (let seed = 1; seed <= 60; seed++) {
    const verdicts = await reproducible(`--rot ${seed}`, () => rotAfter(seed));
    for (const verdict of ["refused", "earlier", "same"] as const) sum[verdict] += verdicts[verdict];
  }
  expect(sum.refused).toBeGreaterThan(10);
  expect(sum.earlier).toBeGreaterThan(0);
  expect(sum.same).toBeGreaterThan(10);
});
