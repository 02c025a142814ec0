import { expect, test } from "vitest";
import { CommitQueue } from "./commit-queue.js";
import type { WriteBuffer } from "./write-buffer.js";

test("work asked for in any turn after the queue ran empty is done", async () => {
  const buffer = {} as WriteBuffer;
  for (let turns = 0; turns < 12; turns++) {
    const queue = new CommitQueue(async (group) => group.forEach((member) => void member.resolve()));
    const calls = [() => queue.commit(buffer), () => queue.exclusive(async () => {})];
    for (const first of calls) {
      for (const second of calls) {
        await first();
        for (let turn = 0; turn < turns; turn++) await null;
        let isDone = false;
        void second().then(() => {
          isDone = true;
        });
        await new Promise((resolve) => setImmediate(resolve));
        expect(isDone, `asked ${turns} turns later`).toBe(true);
      }
    }
  }
});
