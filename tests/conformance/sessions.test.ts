/**
 * Insert sessions: one atomic transaction each.
 */
import { describe, expect, it } from "vitest";
import type { InsertSession } from "../../src/index.js";
import { idsOf, rowsOf } from "./contents.js";
import { modes } from "./modes.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

describe.each(modes)("insert sessions ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it("commit everything when their function resolves, and resolve to what it returned", async () => {
    const docs = await workspace.collection();
    const result = await docs.insertSession(async (session) => {
      expect(await session.addItem([1, 2], { id: 1, field: { lang: "en" } })).toBe(1);
      expect(await session.bulkAddItems([[[3, 4], "a"]])).toEqual(["a"]);
      expect(
        await session.bulkAddBinary([
          [5, 6],
          [7, 8],
        ]),
      ).toBe(2);
      expect(await session.add({ ids: 9, vectors: [9, 9] })).toEqual([9]);
      return "done";
    });
    expect(result).toBe("done");
    expect(await rowsOf(docs)).toEqual([
      { id: 1, field: { lang: "en" }, vector: [1, 2] },
      { id: "a", field: {}, vector: [3, 4] },
      { id: 2, field: {}, vector: [5, 6] },
      { id: 3, field: {}, vector: [7, 8] },
      { id: 9, field: {}, vector: [9, 9] },
    ]);
  });

  it("may have a function that is not async, or that writes nothing", async () => {
    const docs = await workspace.collection();
    expect(await docs.insertSession(() => 5)).toBe(5);
    expect(await docs.insertSession((session) => session.addItem([1, 2], { id: 1 }))).toBe(1);
    expect(await docs.count()).toBe(1);
  });

  it("show nothing before the commit, in any read", async () => {
    const docs = await workspace.collection();
    await docs.add({ ids: 1, vectors: [1, 1], fields: { n: 1 } });
    await docs.insertSession(async (session) => {
      await session.addItem([5, 5], { id: 2, field: { n: 2, extra: true } });
      await session.upsert({ ids: 1, vectors: [9, 9], fields: { n: 9 } });
      expect((await docs.search([1, 1])).ids).toEqual([1]);
      expect((await docs.get(1)).fields).toEqual([{ n: 1 }]);
      expect(await docs.count()).toBe(1);
      expect(await docs.isIdExists(2)).toBe(false);
      expect(await docs.maxId()).toBe(1);
      expect(await docs.listFields()).toEqual(["n"]);
      expect(await idsOf(docs)).toEqual([1]);
    });
    expect(await docs.count()).toBe(2);
    expect((await docs.get([1, 2])).fields).toEqual([{ n: 9 }, { n: 2, extra: true }]);
  });

  it.each([
    ["an error", new Error("original")],
    ["a frozen error", Object.freeze(new RangeError("frozen"))],
    ["a text", "just a text"],
    ["undefined", undefined],
    ["null", null],
    ["an object", { reason: "why" }],
  ])("throw %s of their function on, unchanged, and keep nothing", async (_, thrown) => {
    const docs = await workspace.collection();
    await docs.add({ ids: 1, vectors: [1, 1] });
    let caught: unknown = "nothing was thrown";
    try {
      await docs.insertSession(async (session) => {
        await session.bulkAddItems(Array.from({ length: 500 }, (_, i) => [[i, i], `row ${i}`] as const));
        await session.delete(1);
        throw thrown;
      });
    } catch (error) {
      caught = error;
    }
    expect(caught).toBe(thrown);
    expect(await idsOf(docs)).toEqual([1]);
    await docs.commit();
    expect(await idsOf(docs)).toEqual([1]);
    expect(await docs.listDeletedIds()).toEqual([]);
  });

  it("throw an error that is thrown without awaiting on as well", async () => {
    const docs = await workspace.collection();
    const stop = new Error("stop");
    const session = docs.insertSession(() => {
      throw stop;
    });
    await expect(session).rejects.toBe(stop);
  });

  it("are rolled back whole when a call in them is refused and the error is let through", async () => {
    const docs = await workspace.collection();
    await docs.add({ ids: 5, vectors: [5, 5] });
    const call = () =>
      docs.insertSession(async (session) => {
        for (let id = 100; id < 400; id++) await session.addItem([id, id], { id });
        await session.addItem([5, 5], { id: 5 });
      });
    await refusal(call, "ID_EXISTS", /id 5 /);
    expect(await idsOf(docs)).toEqual([5]);
  });

  it("go on after a refused call whose error was caught, without its rows", async () => {
    const docs = await workspace.collection();
    await docs.insertSession(async (session) => {
      await session.addItem([1, 1], { id: 1 });
      const rows = [
        [[2, 2], 2],
        [[3, 3], 3],
        [[4, 4], 1],
      ] as const;
      await refusal(() => session.bulkAddItems(rows), "ID_EXISTS", /id 1 /);
      await refusal(
        () =>
          session.add({
            ids: [2, 2],
            vectors: [
              [1, 1],
              [2, 2],
            ],
          }),
        "ID_EXISTS",
        /id 2 /,
      );
      await refusal(() => session.addItem([1, 2, 3], { id: 2 }), "DIMENSION_MISMATCH");
      await session.addItem([2, 2], { id: 2 });
    });
    expect(await idsOf(docs)).toEqual([1, 2]);
  });

  it("give the ids of a rolled-back session out again", async () => {
    const docs = await workspace.collection();
    const stop = new Error("stop");
    const session = docs.insertSession(async (write) => {
      expect(
        await write.add({
          vectors: [
            [1, 1],
            [2, 2],
          ],
        }),
      ).toEqual([0, 1]);
      throw stop;
    });
    await expect(session).rejects.toBe(stop);
    expect(await docs.add({ vectors: [3, 3] })).toEqual([0]);
  });

  it("refuse every write after their end", async () => {
    const docs = await workspace.collection();
    const kept = await docs.insertSession((session): { session: InsertSession } => ({ session }));
    const { session } = kept;
    const writes = [
      () => session.addItem([1, 1], { id: 1 }),
      () => session.bulkAddItems([[[1, 1], 1]]),
      () => session.bulkAddBinary([[1, 1]]),
      () => session.add({ vectors: [1, 1] }),
      () => session.upsert({ ids: 1, vectors: [1, 1] }),
      () => session.upsertItem([1, 1], { id: 1 }),
      () => session.upsertItems([[[1, 1], 1]]),
      () => session.delete(1),
      () => session.delete({ where: "n = 1" }),
    ];
    for (const write of writes) await refusal(write, "CLOSED", /session has ended/);
    await docs.commit();
    expect(await docs.count()).toBe(0);
  });

  it("are apart from one another, and from what the collection itself has buffered", async () => {
    const docs = await workspace.collection();
    await docs.addItem([0, 0], { id: "buffered" });
    const stop = new Error("stop");
    await docs.insertSession(async (one) => {
      await one.addItem([1, 1], { id: 1 });
      await docs.insertSession(async (two) => {
        await two.addItem([2, 2], { id: 2 });
      });
      expect(await idsOf(docs)).toEqual([2]);
      const failing = docs.insertSession(async (three) => {
        await three.addItem([3, 3], { id: 3 });
        throw stop;
      });
      await expect(failing).rejects.toBe(stop);
    });
    expect(await idsOf(docs)).toEqual([2, 1]);
    await docs.commit();
    expect(await idsOf(docs)).toEqual([2, 1, "buffered"]);
  });

  it("that add the same id at once: the first to commit wins, the other keeps nothing", async () => {
    const docs = await workspace.collection();
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = docs.insertSession(async (session) => {
      await session.addItem([1, 1], { id: "other" });
      await session.addItem([1, 1], { id: "same", field: { by: "slow" } });
      await gate;
    });
    await docs.insertSession((session) => session.addItem([2, 2], { id: "same", field: { by: "fast" } }));
    release();
    const error = await refusal(() => slow, "ID_EXISTS", /"same"/);
    expect(error.details).toMatchObject({ id: "same" });
    expect(await rowsOf(docs)).toEqual([{ id: "same", field: { by: "fast" }, vector: [2, 2] }]);
  });

  it("that run at once all commit, each as a whole", async () => {
    const docs = await workspace.collection();
    const sessions = Array.from({ length: 12 }, (_, n) =>
      docs.insertSession(async (session) => {
        for (let i = 0; i < 20; i++) await session.addItem([n, i], { id: `${n}/${i}`, field: { n } });
        if (n % 4 === 3) throw new Error(`session ${n} fails`);
      }),
    );
    const seen = new Set<number>();
    const watch = (async () => {
      for (let round = 0; round < 30; round++) {
        const counts = new Map<number, number>();
        for await (const { field } of docs.scan()) {
          const { n } = field as { n: number };
          counts.set(n, (counts.get(n) ?? 0) + 1);
        }
        for (const [n, count] of counts) {
          expect(count).toBe(20);
          seen.add(n);
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const outcomes = await Promise.allSettled(sessions);
    await watch;
    outcomes.forEach(({ status }, n) => void expect(status).toBe(n % 4 === 3 ? "rejected" : "fulfilled"));
    expect(await docs.count()).toBe(9 * 20);
    for (const n of seen) expect(n % 4).not.toBe(3);
  });

  it("that overlap give out different automatic ids", async () => {
    const docs = await workspace.collection();
    await docs.insertSession(async (one) => {
      const first = await one.add({
        vectors: [
          [1, 1],
          [2, 2],
        ],
      });
      await docs.insertSession(async (two) => {
        const second = await two.add({
          vectors: [
            [3, 3],
            [4, 4],
          ],
        });
        expect(new Set([...first, ...second]).size).toBe(4);
      });
    });
    expect(await docs.count()).toBe(4);
  });

  it("delete committed rows and rows of their own, by id and by filter", async () => {
    const docs = await workspace.collection();
    await docs.add({
      ids: [1, 2, 3],
      vectors: [
        [1, 1],
        [2, 2],
        [3, 3],
      ],
      fields: [{ n: 1 }, { n: 2 }, { n: 3 }],
    });
    await docs.insertSession(async (session) => {
      await session.addItem([4, 4], { id: 4, field: { n: 2 } });
      await session.addItem([5, 5], { id: 5, field: { n: 5 } });
      expect(await session.delete({ where: "n = :n", params: { n: 2 } })).toBe(2);
      expect(await session.delete([1, 5, 1, 77])).toBe(2);
      expect(await session.delete({ where: "n >= 1" })).toBe(1);
      expect(await session.delete({ where: "n >= 1" })).toBe(0);
      await session.addItem([6, 6], { id: 4, field: { n: 6 } });
      expect(await docs.count()).toBe(3);
    });
    expect(await rowsOf(docs)).toEqual([{ id: 4, field: { n: 6 }, vector: [6, 6] }]);
  });

  it("hold many rows as one transaction", async () => {
    const docs = await workspace.collection("docs", { dim: 4 });
    const count = 30_000;
    const data = new Float32Array(count * 4).map((_, i) => Math.sin(i));
    const stop = new Error("at the very end");
    const failing = docs.insertSession(async (session) => {
      await session.bulkAddBinary({ data, dim: 4 });
      throw stop;
    });
    await expect(failing).rejects.toBe(stop);
    expect(await docs.count()).toBe(0);
    await docs.insertSession(async (session) => {
      expect(await session.bulkAddBinary({ data, dim: 4 })).toBe(count);
    });
    expect(await docs.shape()).toEqual([count, 4]);
  });

  it.each([undefined, null, 5, {}, "fn"])("need a function, not %j", async (write) => {
    const docs = await workspace.collection();
    await refusal(() => docs.insertSession(write as never), "INVALID_ARGUMENT", /function/);
  });
});
