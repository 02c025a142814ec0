/**
 * Calls that overlap: nothing acknowledged is lost, nothing is acknowledged too early.
 */
import { describe, expect, it } from "vitest";
import { idsOf } from "./contents.js";
import { modes } from "./modes.js";
import { useWorkspace } from "./workspace.js";

async function microtasks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve();
}

describe.each(modes)("overlapping calls ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it("of add are each committed when they resolve", async () => {
    const docs = await workspace.collection();
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, async (_, id) => {
        await docs.add({ ids: id, vectors: [id, 1] });
        return docs.isIdExists(id);
      }),
    );
    expect(outcomes).toEqual(new Array(20).fill(true));
  });

  it("of upsert and delete are each committed when they resolve", async () => {
    const docs = await workspace.collection();
    await docs.add({
      ids: [0, 1, 2, 3],
      vectors: [
        [0, 0],
        [1, 1],
        [2, 2],
        [3, 3],
      ],
    });
    const outcomes = await Promise.all([
      docs.upsert({ ids: 0, vectors: [9, 9] }).then(async () => (await docs.get(0)).vectors?.[0]?.[0]),
      docs.delete(1).then(() => docs.isIdExists(1)),
      docs.upsert({ ids: 7, vectors: [7, 7] }).then(() => docs.isIdExists(7)),
      docs.delete({ where: "id = 2" }).then(() => docs.isIdExists(2)),
    ]);
    expect(outcomes).toEqual([9, false, true, false]);
  });

  it("of addItem and commit lose no row, however they interleave", async () => {
    const docs = await workspace.collection();
    const added: string[] = [];
    for (let delay = 0; delay < 40; delay++) {
      for (const isFresh of [true, false]) {
        if (!isFresh) await docs.addItem([1, 1], { id: `before ${delay}` });
        const id = `${delay} ${isFresh}`;
        const adding = docs.addItem([1, 1], { id });
        await microtasks(delay);
        await docs.commit();
        await adding;
        await docs.commit();
        added.push(id);
        expect(await docs.isIdExists(id), `row added ${delay} microtasks before a commit`).toBe(true);
      }
    }
    expect(await docs.count()).toBe(added.length + 40);
  });

  it("of addItem and two commits lose no row, however they interleave", async () => {
    const docs = await workspace.collection();
    for (let first = 0; first < 12; first++) {
      for (let second = 0; second < 12; second++) {
        const id = `${first} ${second}`;
        const committing = docs.add({ ids: `${id} other`, vectors: [2, 2] });
        await microtasks(first);
        const adding = docs.addItem([1, 1], { id });
        await microtasks(second);
        await docs.commit();
        await Promise.all([adding, committing]);
        await docs.commit();
        expect(await docs.isIdExists(id), id).toBe(true);
      }
    }
  });

  it("of commit all wait until what was buffered is committed", async () => {
    const docs = await workspace.collection();
    for (let round = 0; round < 5; round++) {
      await docs.addItem([1, 1], { id: round });
      const seen = await Promise.all(
        [docs.commit(), docs.flush(), docs.commit()].map((done) => done.then(() => docs.isIdExists(round))),
      );
      expect(seen).toEqual([true, true, true]);
    }
  });

  it("of add that clash: exactly one of them wins, and the others say so", async () => {
    const docs = await workspace.collection();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 5 }, (_, n) => docs.add({ ids: "same", vectors: [n, n] })),
    );
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "ID_EXISTS" });
    }
    expect(await idsOf(docs)).toEqual(["same"]);
  });

  it("of add without ids give out consecutive ids, each once", async () => {
    const docs = await workspace.collection();
    const calls = Array.from({ length: 10 }, (_, n) =>
      docs.add({
        vectors: [
          [n, 0],
          [n, 1],
          [n, 2],
        ],
      }),
    );
    const ids = (await Promise.all(calls)).flat();
    expect(ids.sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 30 }, (_, i) => i));
    expect(await docs.maxId()).toBe(29);
  });

  it("of reads and writes: a read sees all of a commit or nothing", async () => {
    const docs = await workspace.collection();
    let isDone = false;
    const write = async (): Promise<void> => {
      for (let round = 0; round < 40; round++) {
        const ids = [0, 1, 2, 3, 4, 5, 6, 7];
        const fields = ids.map(() => ({ round }));
        await docs.upsert({ ids, vectors: ids.map((id) => [id, round]), fields });
        if (round % 10 === 9) await docs.compact();
      }
      isDone = true;
    };
    const watch = async (): Promise<void> => {
      for (let looks = 0; !isDone; looks++) {
        const view =
          looks % 2 === 0
            ? await docs.query({ where: "round >= 0", filterIds: [0, 1, 2, 3, 4, 5, 6, 7] })
            : await docs.search([1, 1], { k: 100, returnFields: true });
        const rounds = new Set(view.fields?.map((field) => (field as { round: number }).round));
        if (view.length > 0) expect([view.length, rounds.size], `look ${looks}`).toEqual([8, 1]);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await Promise.all([write(), watch(), watch()]);
    expect(await docs.count()).toBe(8);
  });

  it("of close and add: the rows of every add that succeeded are there afterwards", async () => {
    const docs = await workspace.collection();
    const outcomes = await Promise.allSettled([
      docs.add({ ids: 1, vectors: [1, 1] }),
      docs.add({ ids: 2, vectors: [2, 2] }),
      docs.close(),
      docs.add({ ids: 3, vectors: [3, 3] }),
    ]);
    const again = await workspace.db.getCollection("docs");
    for (const [at, outcome] of outcomes.entries()) {
      if (at === 2) expect(outcome.status).toBe("fulfilled");
      else if (outcome.status === "fulfilled")
        expect(await again.isIdExists(at === 3 ? 3 : at + 1), `add ${at}`).toBe(true);
      else expect(outcome.reason).toMatchObject({ code: "CLOSED" });
    }
  });
});
