import { expect, test } from "vitest";
import { callsOf, changesOf, crashAt, faultAt } from "./scenarios.js";
import { scripts } from "./scripts.js";

const script = scripts.maintaining;
const steps = script.length;

// `npm run test:crash -- --script maintaining` is all of them.
test("a crash at every eleventh change of a program that does everything once leaves what was committed", async () => {
  const changes = await changesOf(1, steps, script);
  expect(changes).toBeGreaterThan(steps);
  for (let at = 4; at <= changes; at += 11) await crashAt(1, steps, at, script);
}, 120_000);

test("a failure at every thirteenth call of a program that does everything once loses nothing", async () => {
  const calls = await callsOf(1, steps, script);
  const plans = [{ errno: "EIO" }, { errno: "ENOSPC" }, { errno: "ENOSPC", staysFull: true }];
  for (let at = 5; at <= calls; at += 13) await faultAt(1, steps, { ...plans[at % 3]!, failAtCall: at }, script);
}, 120_000);
