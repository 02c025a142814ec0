/**
 * Deleting, restoring and compacting: a deleted row is nowhere to be seen.
 */
import { beforeEach, describe, expect, it } from "vitest";
import { type Collection, type Id, where } from "../../src/index.js";
import { idsOf, rowsOf } from "./contents.js";
import { modes } from "./modes.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

interface Doc {
  readonly n: number;
  readonly parity: "even" | "odd";
  readonly only?: string;
}

/** Checks that every way to see rows shows exactly these. */
async function expectSeen(docs: Collection<Doc>, ids: readonly Id[]): Promise<void> {
  const sorted = (list: readonly Id[]): Id[] => [...list].sort();
  expect(await idsOf(docs)).toEqual(ids);
  expect(sorted((await docs.search([1, 1], { k: 100 })).ids)).toEqual(sorted(ids));
  expect(sorted((await docs.search([1, 1], { k: 100, where: "n >= 0" })).ids)).toEqual(sorted(ids));
  expect(sorted((await docs.search([1, 1], { k: 100, filterIds: [0, 1, 2, 3, 4, 5] })).ids)).toEqual(sorted(ids));
  expect((await docs.batchSearch([[1, 1]], { k: 100 }))[0]?.length).toBe(ids.length);
  expect((await docs.searchRange([1, 1], { threshold: -1e30 })).length).toBe(ids.length);
  expect((await docs.searchProfile([1, 1], { k: 100 })).profile.rows).toBe(ids.length);
  expect((await docs.query({ where: "n >= 0" })).ids).toEqual(ids);
  expect((await docs.query({ filterIds: [0, 1, 2, 3, 4, 5] })).ids).toEqual(ids);
  expect((await docs.query({ limit: 100 })).ids).toEqual(ids);
  expect(sorted((await docs.query({ limit: 100, orderBy: "n" })).ids)).toEqual(sorted(ids));
  expect((await docs.queryVectors({ limit: 100 })).vectors).toHaveLength(ids.length);
  expect((await docs.head(100)).ids).toEqual(ids);
  expect((await docs.tail(100)).ids).toEqual(ids);
  expect((await docs.head(1)).ids).toEqual(ids.slice(0, 1));
  expect((await docs.tail(1)).ids).toEqual(ids.slice(-1));
  expect(await docs.count()).toBe(ids.length);
  expect(await docs.count({ where: "id >= 0" })).toBe(ids.length);
  expect(await docs.shape()).toEqual([ids.length, 2]);
  expect((await docs.stats()).rows).toBe(ids.length);
  expect(await docs.maxId()).toBe(Math.max(-1, ...ids.map(Number)));
  for (let id = 0; id < 6; id++) {
    expect(await docs.isIdExists(id)).toBe(ids.includes(id));
    if (!ids.includes(id)) await refusal(() => docs.get([id]), "ID_NOT_FOUND", new RegExp(`id ${id} `));
  }
}

describe.each(modes)("deleting rows ($mode)", (mode) => {
  const workspace = useWorkspace(mode);
  let docs: Collection<Doc>;

  beforeEach(async () => {
    docs = await workspace.collection<Doc>();
    const ids = [0, 1, 2, 3, 4, 5];
    const fields = ids.map((n): Doc => {
      const parity = n % 2 === 0 ? "even" : "odd";
      return n === 5 ? { n, parity, only: "five" } : { n, parity };
    });
    await docs.add({ ids, vectors: ids.map((n) => [n, 1]), fields });
  });

  it("by ids hides them everywhere, until they are restored", async () => {
    expect(await docs.listFields()).toEqual(["n", "only", "parity"]);
    expect(await docs.delete([5, 0, 3])).toBe(3);
    await expectSeen(docs, [1, 2, 4]);
    expect(await docs.listFields()).toEqual(["n", "parity"]);
    expect(await docs.listDeletedIds()).toEqual([0, 3, 5]);
    expect((await docs.stats()).deleted).toBe(3);
    expect(await docs.restore([3, 5])).toBe(2);
    await expectSeen(docs, [1, 2, 3, 4, 5]);
    expect(await docs.listDeletedIds()).toEqual([0]);
    expect((await docs.get(5)).fields).toEqual([{ n: 5, parity: "odd", only: "five" }]);
    expect(await docs.listFields()).toEqual(["n", "only", "parity"]);
  });

  it("by filter hides what matches, with parameters and with the tag", async () => {
    expect(await docs.delete({ where: "parity = 'even'" })).toBe(3);
    await expectSeen(docs, [1, 3, 5]);
    expect(await docs.delete({ where: "n = :n", params: { n: 3 } })).toBe(1);
    expect(await docs.delete({ where: where`only = ${"five"}` })).toBe(1);
    await expectSeen(docs, [1]);
    expect(await docs.delete({ where: "n > 100" })).toBe(0);
    expect(await docs.listDeletedIds()).toEqual([0, 2, 3, 4, 5]);
  });

  it("counts each row once, and ignores ids that are missing or deleted already", async () => {
    expect(await docs.delete([1, 1, 99, "1"])).toBe(1);
    expect(await docs.delete(1)).toBe(0);
    expect(await docs.delete([])).toBe(0);
    await expectSeen(docs, [0, 2, 3, 4, 5]);
    expect(await docs.restore([1, 1, 99, "1", 2])).toBe(1);
    expect(await docs.restore(1)).toBe(0);
    expect(await docs.restore([])).toBe(0);
    await expectSeen(docs, [0, 1, 2, 3, 4, 5]);
  });

  it("of all kinds leaves an empty collection that can be filled again", async () => {
    expect(await docs.delete({ where: "TRUE" })).toBe(6);
    await expectSeen(docs, []);
    expect(await docs.compact()).toBe(6);
    await expectSeen(docs, []);
    await docs.add({ ids: 2, vectors: [2, 1], fields: { n: 2, parity: "even" } });
    await expectSeen(docs, [2]);
  });

  it("includes what is buffered, and commits it", async () => {
    await docs.addItem([9, 9], { id: 9, field: { n: 9, parity: "odd" } });
    expect(await docs.delete({ where: "parity = 'odd'" })).toBe(4);
    await expectSeen(docs, [0, 2, 4]);
    expect(await docs.listDeletedIds()).toEqual([1, 3, 5, 9]);
  });

  it("for good is what compact does: deleted and replaced rows are gone, the rest stays as it was", async () => {
    await docs.upsert({ ids: 2, vectors: [2, 1] });
    await docs.delete([1, 3]);
    const before = await rowsOf(docs);
    const stats = await docs.stats();
    expect([stats.rows, stats.deleted, stats.superseded]).toEqual([4, 2, 1]);
    expect(await docs.compact()).toBe(3);
    expect(await rowsOf(docs)).toEqual(before);
    await expectSeen(docs, [0, 4, 5, 2]);
    expect(await docs.listDeletedIds()).toEqual([]);
    expect(await docs.restore([1, 3])).toBe(0);
    const after = await docs.stats();
    expect([after.rows, after.deleted, after.superseded]).toEqual([4, 0, 0]);
    expect(after.disk.vectorBytes).toBeLessThan(stats.disk.vectorBytes);
    expect(after.disk.reclaimableBytes).toBe(0);
    expect(await docs.compact()).toBe(0);
    await docs.add({ ids: 1, vectors: [1, 1], fields: { n: 1, parity: "odd" } });
    await expectSeen(docs, [0, 4, 5, 2, 1]);
  });

  it("survives closing, restorable as before", async () => {
    if (!mode.isPersistent) return;
    await docs.delete([1, 4]);
    let again = await workspace.reopen<Doc>();
    await expectSeen(again, [0, 2, 3, 5]);
    expect(await again.listDeletedIds()).toEqual([1, 4]);
    expect(await again.restore(1)).toBe(1);
    await again.checkpoint();
    again = await workspace.reopen<Doc>();
    await expectSeen(again, [0, 1, 2, 3, 5]);
    expect(await again.compact()).toBe(1);
    again = await workspace.reopen<Doc>();
    await expectSeen(again, [0, 1, 2, 3, 5]);
    expect(await again.listDeletedIds()).toEqual([]);
  });

  it("ends a compaction whose signal fired, with everything as it was", async () => {
    await docs.delete([1, 4]);
    const signal = AbortSignal.abort("enough");
    const error = await refusal(() => docs.compact({ signal }), "ABORTED", /AbortSignal/);
    expect(error.cause).toBe("enough");
    await expectSeen(docs, [0, 2, 3, 5]);
    expect(await docs.listDeletedIds()).toEqual([1, 4]);
    expect(await docs.compact()).toBe(2);
  });

  it("needs ids or a where, and nothing else", async () => {
    const bad: [unknown, RegExp][] = [
      [undefined, /got undefined/],
      [null, /got null/],
      [{}, /ids/],
      [{ where: undefined }, /where/],
      [{ where: "n = 1", limit: 1 }, /"limit"/],
      [{ where: 5 }, /where/],
      [{ where: "n = 1", params: [1] }, /params/],
      [{ where: "n = :n" }, /:n/],
      [{ where: "n = 1", params: { n: 1 } }, /:n/],
      [true, /true/],
    ];
    for (const [selection, pattern] of bad) {
      await refusal(() => docs.delete(selection as never), "INVALID_ARGUMENT", pattern);
    }
    await refusal(() => docs.delete({ where: "n = = 1" }), "WHERE_SYNTAX", /\^/);
    await refusal(() => docs.delete({ where: "" }), "WHERE_SYNTAX");
    await refusal(() => docs.restore({ where: "n = 1" } as never), "INVALID_ARGUMENT", /ids/);
    await refusal(() => docs.compact({ force: true } as never), "INVALID_ARGUMENT", /"force"/);
    await expectSeen(docs, [0, 1, 2, 3, 4, 5]);
  });
});
