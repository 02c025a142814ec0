import { expect, test } from "vitest";
import { startOfLog } from "../storage/log-position.js";
import { Follower } from "./follower.js";

test("a read that asks while an update is under way, which may have looked too early, is told after one of its own", async () => {
  let committed = 1;
  let seen = 0;
  let updates = 0;
  const ends: (() => void)[] = [];
  const store = {
    position: startOfLog(1),
    lookForNews: () => ({ manifest: new Uint8Array(1), tail: new Uint8Array(committed - seen) }),
  };
  const refresh = async (): Promise<void> => {
    updates += 1;
    const found = committed;
    await new Promise<void>((resolve) => ends.push(resolve));
    seen = found;
  };
  const follower = new Follower({ present: () => store, refresh }, 0);
  const first = follower.catchUp();
  committed = 2;
  const later = Promise.all([follower.catchUp(), follower.catchUp()]).then(() => seen);
  ends[0]!();
  await first;
  expect(seen).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 1));
  ends[1]!();
  expect(await later).toBe(2);
  expect(updates).toBe(2);
});
