import { describe, expect, it } from "vitest";
import { beginningOf, collected, oneAhead } from "./request-stream.js";

/** Gives 0, 1, 2, … and writes down when it is asked; fails instead of giving `failsAt`. */
async function* numbers(count: number, log: string[], failsAt = -1): AsyncGenerator<number> {
  try {
    for (let n = 0; n < count; n++) {
      await new Promise((done) => setImmediate(done));
      if (n === failsAt) throw new Error(`no ${n}`);
      log.push(`made ${n}`);
      yield n;
    }
  } finally {
    log.push("left");
  }
}

describe("a list that is read one ahead", () => {
  it("makes each member while the one before is being taken, and no more than that", async () => {
    const log: string[] = [];
    for await (const n of oneAhead(numbers(4, log))) {
      log.push(`taken ${n}`);
      for (let turn = 0; turn < 5; turn++) await new Promise((done) => setImmediate(done));
      log.push(`done ${n}`);
    }
    expect(log).toEqual([
      ...["made 0", "taken 0", "made 1", "done 0", "taken 1", "made 2", "done 1"],
      ...["taken 2", "made 3", "done 2", "left", "taken 3", "done 3"],
    ]);
  });

  it("tells of a failure when its turn comes", async () => {
    const log: string[] = [];
    const taken: number[] = [];
    const reading = (async () => {
      for await (const n of oneAhead(numbers(4, log, 2))) taken.push(n);
    })();
    await expect(reading).rejects.toThrow("no 2");
    expect(taken).toEqual([0, 1]);
  });

  it("makes nothing any more when its taker has left, also where the next one failed", async () => {
    for (const failsAt of [-1, 1]) {
      const log: string[] = [];
      for await (const n of oneAhead(numbers(4, log, failsAt))) if (n === 0) break;
      expect(log.at(-1)).toBe("left");
      const { length } = log;
      await new Promise((done) => setTimeout(done, 5));
      expect(log.length).toBe(length);
    }
  });

  it("may be a plain list", async () => {
    expect(await collected(oneAhead([1, 2, 3]))).toEqual([1, 2, 3]);
  });
});

describe("the beginning of a list", () => {
  it.each([0, 1, 2, 5])("of %d members is known before the rest is made, and nothing is lost", async (count) => {
    const log: string[] = [];
    const { first, all } = await beginningOf(numbers(count, log), 2);
    expect(first).toEqual([0, 1].slice(0, count));
    expect(log.filter((line) => line !== "left").length).toBe(first.length);
    expect(await collected(all)).toEqual(Array.from({ length: count }, (_, n) => n));
    expect(log.at(-1)).toBe("left");
    const plain = await beginningOf(Array.from({ length: count }, (_, n) => n).values(), 2);
    expect(await collected(plain.all)).toHaveLength(count);
  });
});
