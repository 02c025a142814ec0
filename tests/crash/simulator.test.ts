import { expect, test } from "vitest";
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

// The programs of these seeds hang vectors of both kinds on rows, replace those rows, and compact or checkpoint afterwards.
test("a crash at every change of a run leaves what was committed", async () => {
  const seed = 140;
  const steps = 18;
  const changes = await changesOf(seed, steps);
  for (let at = 1; at <= changes; at++) {
    await reproducible(`--crash ${seed},${steps},${at}`, () => crashAt(seed, steps, at));
  }
});

test("crashes at random, while recovering too", async () => {
  for (let seed = 1; seed <= 25; seed++) await reproducible(`--lives ${seed}`, () => lives(seed));
});

for (const plan of [{ errno: "EIO" }, { errno: "ENOSPC" }, { errno: "ENOSPC", staysFull: true }]) {
  test(`a failure at every call loses nothing: ${JSON.stringify(plan)}`, async () => {
    const seed = 140;
    const steps = 12;
    const calls = await callsOf(seed, steps);
    for (let at = 1; at <= calls; at++) {
      const command = `--fault ${seed},${steps},${at},${plan.errno},${plan.staysFull ?? false}`;
      await reproducible(command, () => faultAt(seed, steps, { ...plan, failAtCall: at }));
    }
  });
}
