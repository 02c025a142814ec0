/**
 * Queries: rows by filter or ids, in an order, page by page.
 */
import { describe, expect, it } from "vitest";
import { type Collection, type Id, limits, type QueryOptions, where } from "../../src/index.js";
import { modes } from "./modes.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

interface Doc {
  readonly n: number;
  readonly group?: string | number | boolean | null;
}

async function filled(docs: Collection<Doc>, count: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, n) => n);
  await docs.add({ ids, vectors: ids.map((n) => [n, 1]), fields: ids.map((n) => ({ n, group: n % 3 })) });
}

/** All pages of a query; `between` runs after every page. */
async function pagesOf(
  docs: Collection<Doc>,
  options: QueryOptions,
  between: (page: number) => Promise<unknown> = async () => {},
): Promise<Id[][]> {
  const pages: Id[][] = [];
  let cursor: string | null = null;
  do {
    const view = await docs.query(cursor === null ? options : { ...options, cursor });
    pages.push([...view.ids]);
    cursor = view.cursor;
    await between(pages.length);
  } while (cursor !== null && pages.length < 1000);
  return pages;
}

describe.each(modes)("queries ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it("with neither filter nor limit are empty", async () => {
    const docs = await workspace.collection<Doc>();
    await filled(docs, 5);
    for (const options of [undefined, {}, { orderBy: "n" }, { returnIdsOnly: true }]) {
      const view = await docs.query(options);
      expect([view.length, view.type, view.cursor]).toEqual([0, "query", null]);
      expect((await docs.queryVectors(options)).length).toBe(0);
    }
  });

  it("give rows in order of insertion, with metadata unless told otherwise", async () => {
    const docs = await workspace.collection<Doc>();
    await filled(docs, 5);
    const view = await docs.query({ where: "n >= 3" });
    expect(view).toMatchObject({ type: "query", ids: [3, 4], vectors: null });
    expect(view.fields).toEqual([
      { n: 3, group: 0 },
      { n: 4, group: 1 },
    ]);
    expect(view.distances).toHaveLength(0);
    expect((await docs.query({ where: "n >= 3", returnIdsOnly: true })).fields).toBe(null);
    const withVectors = await docs.queryVectors({ where: "n >= 3" });
    expect(withVectors.vectors).toEqual([Float32Array.of(3, 1), Float32Array.of(4, 1)]);
    expect(withVectors.fields).toEqual(view.fields);
    await docs.upsert({ ids: 3, vectors: [9, 9] });
    expect((await docs.query({ where: "n >= 3" })).ids).toEqual([4, 3]);
  });

  it("take where, params, the tag, filterIds and limit, together too", async () => {
    const docs = await workspace.collection<Doc>();
    await filled(docs, 10);
    const ids = async (options: QueryOptions) => (await docs.query(options)).ids;
    expect(await ids({ limit: 3 })).toEqual([0, 1, 2]);
    expect(await ids({ limit: 0 })).toEqual([]);
    expect(await ids({ filterIds: [7, 2, 7, 99, "2"] })).toEqual([2, 7]);
    expect(await ids({ filterIds: [] })).toEqual([]);
    expect(await ids({ where: "n > :n", params: { n: 7 } })).toEqual([8, 9]);
    expect(await ids({ where: where`group = ${1} AND n != ${4}` })).toEqual([1, 7]);
    expect(await ids({ where: "n > 1", filterIds: [0, 1, 2, 3, 4], limit: 2 })).toEqual([2, 3]);
    expect(await ids({ where: "nothing = 1" })).toEqual([]);
  });

  it("never let an AND leak past an OR in parentheses", async () => {
    const docs = await workspace.collection<Doc>();
    const groups = ["a", "b", "a", "b", "a"];
    await docs.add({ vectors: groups.map((_, n) => [n, 1]), fields: groups.map((group, n) => ({ n, group })) });
    const view = await docs.query({ where: "group = 'a' AND (n = 0 OR n = 1 OR n = 2)" });
    expect(view.ids).toEqual([0, 2]);
    const options = { where: "group = :group AND (n = 0 OR n = 1)", params: { group: "a' OR 'a' = 'a" } };
    expect((await docs.query(options)).ids).toEqual([]);
    expect((await docs.query({ where: "NOT group = 'a' AND n < 3" })).ids).toEqual([1]);
  });

  it("are ordered by a field, both ways: equal rows by insertion, rows without it last", async () => {
    const docs = await workspace.collection<Doc>();
    const groups = ["b", 10, null, "a", 2, true, undefined, "b", false, 10, "B", -1];
    const fields = groups.map((group, n) => (group === undefined ? { n } : { n, group }));
    await docs.add({ vectors: groups.map((_, n) => [n, 1]), fields });
    const ids = async (orderBy: QueryOptions["orderBy"]) => (await docs.query({ limit: 100, orderBy: orderBy! })).ids;
    const ascending = [11, 4, 1, 9, 10, 3, 0, 7, 8, 5, 2, 6];
    const descending = [5, 8, 0, 7, 3, 10, 1, 9, 4, 11, 2, 6];
    expect(await ids("group")).toEqual(ascending);
    expect(await ids({ field: "group" })).toEqual(ascending);
    expect(await ids({ field: "group", direction: "desc" })).toEqual(descending);
    expect(await ids({ field: "nothing" })).toEqual(groups.map((_, n) => n));
    expect((await docs.query({ where: "n < 5", orderBy: "group", limit: 2 })).ids).toEqual([4, 1]);
  });

  it("are ordered by nested fields and by id as well", async () => {
    const docs = await workspace.collection<Doc & { at?: { day: number } }>();
    const ids: Id[] = [3, "b", 1, "a", 20];
    const fields = ids.map((_, n) => ({ n, at: { day: (n * 3) % 5 } }));
    await docs.add({ ids, vectors: ids.map((_, n) => [n, 1]), fields });
    expect((await docs.query({ limit: 9, orderBy: "at.day" })).fields?.map(({ at }) => at?.day)).toEqual([
      0, 1, 2, 3, 4,
    ]);
    expect((await docs.query({ limit: 9, orderBy: "id" })).ids).toEqual([1, 3, 20, "a", "b"]);
  });

  it.each([
    ["in order of insertion", {}],
    ["ordered", { orderBy: "group" }],
    ["in descending order", { orderBy: { field: "group", direction: "desc" } }],
    ["filtered and ordered", { where: "n >= 4", orderBy: { field: "n", direction: "desc" } }],
    ["by ids", { filterIds: [1, 2, 3, 5, 8, 13, 21] }],
  ] as [string, QueryOptions][])("come in pages %s: each row once, in the order of the whole", async (_, options) => {
    const docs = await workspace.collection<Doc>();
    await filled(docs, 23);
    const whole = (await docs.query({ ...options, limit: 1000 })).ids;
    for (const limit of [1, 4, 7, 23]) {
      const pages = await pagesOf(docs, { ...options, limit });
      expect(pages.flat(), `pages of ${limit}`).toEqual(whole);
      expect(pages).toHaveLength(Math.ceil(whole.length / limit));
      for (const page of pages.slice(0, -1)) expect(page).toHaveLength(limit);
    }
  });

  it.each([
    ["in order of insertion", {}],
    ["ordered", { orderBy: { field: "n", direction: "desc" } }],
  ] as [
    string,
    QueryOptions,
  ][])("page %s while rows come and go: no row twice, none of the lasting ones left out", async (_, options) => {
    const docs = await workspace.collection<Doc>();
    await filled(docs, 40);
    const lasting = Array.from({ length: 40 }, (_, n) => n).filter((n) => n % 4 !== 1);
    const pages = await pagesOf(docs, { ...options, limit: 5 }, async (page) => {
      await docs.add({ ids: 1000 + page, vectors: [1, 1], fields: { n: 1000 + page } });
      await docs.delete([page * 4 + 1]);
    });
    const seen = pages.flat();
    expect(new Set(seen).size).toBe(seen.length);
    for (const id of lasting) expect(seen).toContain(id);
  });

  it.each([
    ["in order of insertion", {}],
    ["ordered", { orderBy: "n" }],
    ["in descending order", { orderBy: { field: "n", direction: "desc" } }],
  ] as [
    string,
    QueryOptions,
  ][])("page %s across deletions and compactions, also of the very row they stand on", async (_, options) => {
    const docs = await workspace.collection<Doc>();
    await filled(docs, 30);
    const gone = new Set<Id>();
    const seen: Id[] = [];
    let cursor: string | null = null;
    do {
      const view: Awaited<ReturnType<typeof docs.query>> = await docs.query({
        ...options,
        limit: 4,
        ...(cursor === null ? {} : { cursor }),
      });
      seen.push(...view.ids);
      cursor = view.cursor;
      for (const id of [view.ids.at(-1)!, view.ids[0]!]) gone.add(id);
      await docs.delete([...gone]);
      await docs.compact();
    } while (cursor !== null);
    const expected = Array.from({ length: 30 }, (_, n) => n);
    const isDescending = typeof options.orderBy === "object" && options.orderBy.direction === "desc";
    expect(seen).toEqual(isDescending ? expected.reverse() : expected);
  });

  it.each(["asc", "desc"] as const)("page over values of all kinds across compactions (%s)", async (direction) => {
    const docs = await workspace.collection<Doc>();
    const groups = ["b", 10, null, "a", 2, true, undefined, "b", false, 10, "B", -1, "\u{1f600}", "\uffff", 10, true];
    const fields = groups.map((group, n) => (group === undefined ? { n } : { n, group }));
    await docs.add({ ids: groups.map((_, n) => n), vectors: groups.map((_, n) => [n, 1]), fields });
    await docs.add({ ids: Array.from({ length: 20 }, (_, n) => `dead ${n}`), vectors: new Array(20).fill([1, 1]) });
    const options = { where: "n >= 0", orderBy: { field: "group", direction } };
    const whole = (await docs.query(options)).ids;
    const pages = await pagesOf(docs, { ...options, limit: 2 }, async (page) => {
      await docs.delete([`dead ${page}`, ...whole.slice(page * 2 - 1, page * 2)]);
      if (page < 8) await docs.compact();
    });
    expect(pages.flat()).toEqual(whole);
  });

  // A server keeps the collection open, and knows the place.
  it.runIf(mode.isPersistent && mode.isEmbedded)(
    "say so when the place of a cursor is not known any more",
    async () => {
      const docs = await workspace.collection<Doc>();
      await filled(docs, 9);
      const { cursor } = await docs.query({ limit: 3 });
      await docs.delete(1);
      await docs.compact();
      const again = await workspace.reopen<Doc>();
      await refusal(
        () => again.query({ limit: 3, cursor: cursor! }),
        "INVALID_ARGUMENT",
        /compaction.*begin the query again/,
      );
    },
  );

  it("page in order of insertion over the row they stand on being replaced, and a compaction then", async () => {
    const docs = await workspace.collection<Doc>();
    await filled(docs, 9);
    const first = await docs.query({ limit: 3 });
    await docs.upsert({ ids: 2, vectors: [7, 7] });
    const before = await docs.query({ limit: 3, cursor: first.cursor! });
    expect(before.ids).toEqual([3, 4, 5]);
    await docs.compact();
    const after = await docs.query({ limit: 3, cursor: first.cursor! });
    expect(after.ids).toEqual([3, 4, 5]);
  });

  it("go on after closing and opening again", async () => {
    if (!mode.isPersistent) return;
    const docs = await workspace.collection<Doc>();
    await filled(docs, 9);
    for (const options of [{ limit: 4 }, { limit: 4, orderBy: "group" }]) {
      const first = await (await workspace.db.getCollection<Doc>("docs")).query(options);
      const again = await workspace.reopen<Doc>();
      const rest = await again.query({ ...options, limit: 100, cursor: first.cursor! });
      const whole = await again.query({ ...options, limit: 100 });
      expect([...first.ids, ...rest.ids]).toEqual(whole.ids);
    }
  });

  it("take a cursor with another limit, and only with the query that it came from", async () => {
    const docs = await workspace.collection<Doc>();
    await filled(docs, 20);
    const options: QueryOptions = { where: "n > :n", params: { n: 2 }, orderBy: "n", limit: 3 };
    const cursor = (await docs.query(options)).cursor!;
    expect(cursor).toMatch(/^[\w-]+$/);
    expect((await docs.query({ ...options, limit: 2, cursor })).ids).toEqual([6, 7]);
    expect((await docs.queryVectors({ ...options, cursor })).ids).toEqual([6, 7, 8]);
    expect((await docs.query({ ...options, returnIdsOnly: true, cursor })).ids).toEqual([6, 7, 8]);
    const others: QueryOptions[] = [
      { ...options, where: "n >= :n" },
      { ...options, params: { n: 3 } },
      { ...options, orderBy: "group" },
      { ...options, orderBy: { field: "n", direction: "desc" } },
      { ...options, filterIds: [1] },
      { limit: 3 },
    ];
    for (const other of others) {
      await refusal(() => docs.query({ ...other, cursor }), "INVALID_ARGUMENT", /cursor belongs to another query/);
    }
    for (const damaged of ["", "x", `${cursor}x`, cursor.slice(2), "e30", "ä", "bnVsbA"]) {
      await refusal(() => docs.query({ ...options, cursor: damaged }), "INVALID_ARGUMENT", /cursor/);
    }
    await refusal(() => docs.query({ ...options, cursor: 5 as never }), "INVALID_ARGUMENT", /cursor must be a string/);
  });

  it("refuse options that they do not have, and values that they cannot have", async () => {
    const docs = await workspace.collection<Doc>();
    await filled(docs, 3);
    const bad: [unknown, RegExp][] = [
      [{ k: 3 }, /query has no option "k"; it takes returnIdsOnly/],
      [{ order_by: "n", limit: 1 }, /"order_by"; did you mean orderBy/],
      [{ limit: -1 }, /limit must be an integer/],
      [{ limit: 2.5 }, /2\.5/],
      [{ limit: "5" }, /the text "5"/],
      [{ limit: 1, orderBy: 5 }, /orderBy/],
      [{ limit: 1, orderBy: null }, /orderBy.*null/],
      [{ limit: 1, orderBy: { field: 5 } }, /orderBy\.field/],
      [{ limit: 1, orderBy: { field: "n", direction: "up" } }, /"asc" or "desc", got the text "up"/],
      [{ limit: 1, orderBy: { field: "n", desc: true } }, /"desc"/],
      [{ limit: 1, returnIdsOnly: "yes" }, /returnIdsOnly/],
      [{ filterIds: { 0: 1 } }, /ids/],
      [{ limit: 1, params: { n: 1 } }, /params/],
      [{ where: 5 }, /where must be a text or a where`…` clause, got the number 5/],
      [{ where: { lang: "en" } }, /where/],
      [{ where: ["n = 1"] }, /where/],
      [{ where: null, limit: 1, cursor: {} }, /cursor/],
      [[], /options object/],
    ];
    for (const [options, pattern] of bad) {
      await refusal(() => docs.query(options as never), "INVALID_ARGUMENT", pattern);
      if (!String(pattern).includes("query has")) {
        await refusal(() => docs.queryVectors(options as never), "INVALID_ARGUMENT", pattern);
      }
    }
  });

  it("tell where a filter is wrong, and what was expected there", async () => {
    const docs = await workspace.collection<Doc>();
    const call = () => docs.query({ where: "n = 1 AND\n  lang == == 'x'" });
    const error = await refusal(call, "WHERE_SYNTAX", /line 2|position/, /\^/);
    expect(error.details).toMatchObject({ position: expect.any(Number) });
    for (const text of [
      "",
      " ",
      "n =",
      "(n = 1",
      "n = 1)",
      "n IN ()",
      "'a",
      "n = 1; x",
      "-- x",
      "AND",
      "n = 1 n = 2",
    ]) {
      for (const read of [
        () => docs.query({ where: text }),
        () => docs.count({ where: text }),
        () => docs.search([1, 1], { where: text }),
        () => docs.searchRange([1, 1], { threshold: 1, where: text }),
        () => docs.batchSearch([[1, 1]], { where: text }),
        () => docs.delete({ where: text }),
        () => docs.scan({ where: text }).next(),
      ]) {
        await refusal(read, "WHERE_SYNTAX");
      }
    }
    const deep = `${"(".repeat(limits.whereDepthMax + 1)}n = 1${")".repeat(limits.whereDepthMax + 1)}`;
    await refusal(() => docs.query({ where: deep }), "LIMIT_EXCEEDED", /whereDepthMax/);
    const long = `n = '${"x".repeat(limits.whereBytesMax)}'`;
    await refusal(() => docs.query({ where: long }), "LIMIT_EXCEEDED", /whereBytesMax/);
    const list = { ids: Array.from({ length: limits.whereInListMax + 1 }, (_, n) => n) };
    await refusal(() => docs.query({ where: "n IN :ids", params: list }), "LIMIT_EXCEEDED", /whereInListMax/);
  });
});
