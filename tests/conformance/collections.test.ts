/**
 * Collections: their life cycle, their names and their configuration.
 */
import { describe, expect, it } from "vitest";
import { limits } from "../../src/index.js";
import { modes } from "./modes.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

describe.each(modes)("collections ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it("remember when and for which index they were created, and what they are said to be", async () => {
    const before = Date.now();
    const docs = await workspace.collection("docs", { defaultIndex: "FLAT-COS", description: "pages" });
    const { createdAt, ...stats } = await docs.stats();
    expect(stats).toMatchObject({ defaultIndex: "FLAT-COS", description: "pages", metric: "cos" });
    // A millisecond may lie between two clocks.
    expect(Date.parse(createdAt)).toBeGreaterThanOrEqual(before - 1);
    expect(Date.parse(createdAt)).toBeLessThanOrEqual(Date.now() + 1);
    await docs.updateDescription("other pages");
    expect(await docs.stats()).toMatchObject({ description: "other pages", createdAt });
    const plain = await (await workspace.collection("plain", { defaultIndex: null })).stats();
    expect(plain).toMatchObject({ defaultIndex: null, description: null });
  });

  it("are listed and described by name, sorted", async () => {
    const { db } = workspace;
    const words = await db.requireCollection("words", { dim: 3, dtype: "float16", description: "of a book" });
    await words.add({
      vectors: [
        [1, 2, 3],
        [4, 5, 6],
      ],
    });
    await db.requireCollection("docs", { defaultIndex: null });
    const described = [
      { name: "docs", rows: 0, dim: null, dtype: "float32", index: null, description: null, error: null },
      { name: "words", rows: 2, dim: 3, dtype: "float16", index: "FLAT-IP", description: "of a book", error: null },
    ];
    expect(await db.listCollections()).toEqual(["docs", "words"]);
    expect(await db.showCollections()).toEqual(["docs", "words"]);
    expect(await db.describeCollections()).toEqual(described);
    expect(await db.showCollectionsDetails()).toEqual(described);
  });

  it("are the same collection through every handle", async () => {
    const one = await workspace.collection();
    const two = await workspace.db.getCollection("docs");
    await one.add({ ids: 7, vectors: [1, 2] });
    expect((await two.get(7)).ids).toEqual([7]);
    expect([two.name, two.databaseName]).toEqual(["docs", "app"]);
  });

  it("that are missing are refused by getCollection, named", async () => {
    const { db } = workspace;
    expect(await db.hasCollection("docs")).toBe(false);
    const error = await refusal(() => db.getCollection("docs"), "COLLECTION_NOT_FOUND", /"docs"/, /"app"/);
    expect(error.details).toMatchObject({ collection: "docs", database: "app" });
    await refusal(() => db.updateCollectionDescription("docs", "x"), "COLLECTION_NOT_FOUND", /"docs"/);
    expect(await db.hasCollection("docs")).toBe(false);
  });

  it("exist with one dim: another one is refused with both named, the same one and none are taken", async () => {
    const { db } = workspace;
    const docs = await db.requireCollection("docs", { dim: 4 });
    await docs.add({ ids: 1, vectors: [1, 2, 3, 4] });
    await refusal(() => db.requireCollection("docs", { dim: 5 }), "COLLECTION_EXISTS", /"docs"/, /dim 4/, /dim 5/);
    expect(await (await db.requireCollection("docs", { dim: 4 })).count()).toBe(1);
    expect(await (await db.requireCollection("docs")).count()).toBe(1);
  });

  it("exist with one dtype: another one is refused with both named, none is taken", async () => {
    const { db } = workspace;
    await db.requireCollection("docs", { dim: 4, dtype: "float16" });
    const call = () => db.requireCollection("docs", { dtype: "float32" });
    await refusal(call, "COLLECTION_EXISTS", /float16/, /float32/);
    expect((await (await db.requireCollection("docs")).stats()).dtype).toBe("float16");
  });

  it("take their dim from the first write when none was given, and keep it", async () => {
    const docs = await workspace.db.requireCollection("docs");
    expect(await docs.shape()).toEqual([0, 0]);
    expect((await docs.stats()).dim).toBe(null);
    expect((await docs.search([1, 2, 3])).ids).toEqual([]);
    await docs.add({ ids: "a", vectors: [1, 2, 3] });
    expect(await docs.shape()).toEqual([1, 3]);
    await refusal(() => docs.add({ ids: "b", vectors: [1, 2] }), "DIMENSION_MISMATCH", /3/, /2/);
    await refusal(() => workspace.db.requireCollection("docs", { dim: 2 }), "COLLECTION_EXISTS", /dim 3/, /dim 2/);
  });

  it("without a dim take the one that is asked for when they are opened again", async () => {
    await workspace.db.requireCollection("docs");
    const docs = await workspace.db.requireCollection("docs", { dim: 3 });
    await refusal(() => docs.add({ vectors: [1, 2] }), "DIMENSION_MISMATCH", /3/, /2/);
    expect(await docs.count()).toBe(0);
  });

  it("do not keep the dim of a first write that was refused or rolled back", async () => {
    const docs = await workspace.db.requireCollection("docs");
    await refusal(
      () =>
        docs.add({
          ids: ["a", "a"],
          vectors: [
            [1, 2, 3],
            [1, 2, 3],
          ],
        }),
      "ID_EXISTS",
      /"a"/,
    );
    const stop = new Error("stop");
    const session = docs.insertSession(async (write) => {
      await write.addItem([1, 2, 3, 4, 5], { id: 1 });
      throw stop;
    });
    await expect(session).rejects.toBe(stop);
    await docs.add({ ids: "a", vectors: [1, 2] });
    expect(await docs.shape()).toEqual([1, 2]);
  });

  it("search by the metric of their default index", async () => {
    const { db } = workspace;
    for (const [defaultIndex, index, metric] of [
      [undefined, "FLAT-IP", "ip"],
      ["FLAT-L2", "FLAT-L2", "l2"],
      ["flat-cosine", "FLAT-COS", "cos"],
      ["FLAT", "FLAT-IP", "ip"],
      [null, null, "ip"],
    ] as const) {
      const options = { dim: 2, dropIfExists: true, ...(defaultIndex === undefined ? {} : { defaultIndex }) };
      const docs = await db.requireCollection("docs", options);
      await docs.add({
        vectors: [
          [2, 0],
          [9, 9],
        ],
      });
      expect(await docs.indexMode()).toBe(index);
      const view = await docs.search([2, 0], { k: 1 });
      expect(view.metric).toBe(metric);
      expect(view.ids).toEqual([metric === "ip" ? 1 : 0]);
    }
  });

  it("change their metric with buildIndex, and go back with removeIndex", async () => {
    const docs = await workspace.collection();
    await docs.add({
      vectors: [
        [1, 0],
        [3, 3],
      ],
    });
    const seen: unknown[] = [];
    await docs.buildIndex("flat-l2", { onProgress: (progress) => seen.push(progress) });
    expect(await docs.indexMode()).toBe("FLAT-L2");
    expect((await docs.search([1, 0], { k: 1 })).ids).toEqual([0]);
    expect(seen.at(-1)).toEqual({ done: 2, total: 2 });
    await docs.removeIndex();
    expect(await docs.indexMode()).toBe(null);
    expect((await docs.search([1, 0], { k: 1 })).ids).toEqual([1]);
  });

  it("refuse an index that there is not, naming those that there are", async () => {
    const docs = await workspace.collection();
    for (const mode of ["FLOT", "", "FLAT-", "FLAT-L3", 7, null, undefined]) {
      const error = await refusal(() => docs.buildIndex(mode as never), "UNSUPPORTED_INDEX", /FLAT-IP.*FLAT-COS/);
      expect(error.details["supported"]).toContain("FLAT-L2");
    }
    await refusal(
      () => workspace.db.requireCollection("other", { dim: 2, defaultIndex: "FLOT" }),
      "UNSUPPORTED_INDEX",
      /"FLOT"/,
    );
    expect(await workspace.db.listCollections()).toEqual(["docs"]);
    expect(await docs.indexMode()).toBe("FLAT-IP");
  });

  it("start empty when dropIfExists is given, with another dim too", async () => {
    const old = await workspace.collection();
    await old.add({ ids: 1, vectors: [1, 2] });
    await old.addItem([3, 4], { id: 2 });
    const docs = await workspace.db.requireCollection("docs", { dim: 5, dropIfExists: true });
    expect(await docs.shape()).toEqual([0, 5]);
    expect(await old.exists()).toBe(false);
    expect(await docs.exists()).toBe(true);
    await refusal(() => old.count(), "CLOSED", /"docs"/);
  });

  it("vanish when dropped, and can be made anew", async () => {
    const { db } = workspace;
    const old = await workspace.collection();
    await old.add({ ids: 1, vectors: [1, 2] });
    await db.dropCollection("docs");
    await db.dropCollection("docs");
    await db.dropCollection("never-was");
    expect(await db.hasCollection("docs")).toBe(false);
    expect(await db.listCollections()).toEqual([]);
    expect(await old.exists()).toBe(false);
    const fresh = await workspace.collection();
    expect(await fresh.count()).toBe(0);
    await fresh.add({ ids: 1, vectors: [3, 4] });
    await refusal(() => old.add({ ids: 2, vectors: [1, 2] }), "CLOSED");
    expect(await fresh.count()).toBe(1);
  });

  it("can be closed and opened again through their database; closing commits what was buffered", async () => {
    const docs = await workspace.collection();
    await docs.addItem([1, 2], { id: 1 });
    await docs.close();
    await docs.close();
    await refusal(() => docs.count(), "CLOSED", /"docs"/, /open it again/);
    const again = await workspace.db.getCollection("docs");
    expect(await again.count()).toBe(1);
  });

  it("keep a description that can be changed through them and through the database", async () => {
    const docs = await workspace.collection("docs", { description: "first" });
    const described = async () => (await workspace.db.describeCollections())[0]?.description;
    expect(await described()).toBe("first");
    await docs.updateDescription("second");
    expect(await described()).toBe("second");
    await workspace.db.updateCollectionDescription("docs", "");
    expect(await described()).toBe("");
    const long = "x".repeat(limits.descriptionLengthMax + 1);
    await refusal(() => docs.updateDescription(long), "LIMIT_EXCEEDED", /descriptionLengthMax/);
    await refusal(() => docs.updateDescription(7 as never), "INVALID_ARGUMENT", /must be a string, got the number 7/);
    expect(await described()).toBe("");
  });

  it("can be required by many callers at once", async () => {
    const { db } = workspace;
    const handles = await Promise.all(Array.from({ length: 8 }, () => db.requireCollection("docs", { dim: 2 })));
    await Promise.all(handles.map((docs, id) => docs.add({ ids: id, vectors: [id, 1] })));
    expect(await handles[0]!.count()).toBe(8);
    const outcomes = await Promise.allSettled([3, 4].map((dim) => db.requireCollection("race", { dim })));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  it.each(["", ".", "..", "a/b", "../other", "ä", "con"])("cannot be called %j", async (name) => {
    const { db } = workspace;
    await refusal(() => db.requireCollection(name, { dim: 2 }), "INVALID_ARGUMENT", /collection/);
    await refusal(() => db.getCollection(name), "INVALID_ARGUMENT", /collection/);
    await refusal(() => db.hasCollection(name), "INVALID_ARGUMENT", /collection/);
    await refusal(() => db.dropCollection(name), "INVALID_ARGUMENT", /collection/);
    expect(await db.listCollections()).toEqual([]);
  });

  it("cannot take the place of the database's own file", async () => {
    const { db } = workspace;
    const made = await db.requireCollection("database.json", { dim: 2 }).catch((error: unknown) => error);
    if (made instanceof Error) expect(made).toMatchObject({ name: "LynseError", code: "INVALID_ARGUMENT" });
    else expect(await db.hasCollection("database.json")).toBe(true);
    expect(await db.exists()).toBe(true);
  });

  it.each([
    [{ dim: 0 }, "INVALID_ARGUMENT", /dim must be an integer from 1 to 16384, got the number 0/],
    [{ dim: -1 }, "INVALID_ARGUMENT", /dim/],
    [{ dim: 1.5 }, "INVALID_ARGUMENT", /1\.5/],
    [{ dim: "4" }, "INVALID_ARGUMENT", /the text "4"/],
    [{ dim: limits.dimMax + 1 }, "INVALID_ARGUMENT", /16385/],
    [{ dim: 2, dtype: "float64" }, "INVALID_ARGUMENT", /"float32" or "float16", got the text "float64"/],
    [{ dim: 2, description: 3 }, "INVALID_ARGUMENT", /description must be a string/],
    [{ dim: 2, dropIfExists: "yes" }, "INVALID_ARGUMENT", /dropIfExists/],
    [{ dim: 2, default_index: "FLAT" }, "INVALID_ARGUMENT", /"default_index"; did you mean defaultIndex/],
    [{ dimension: 2 }, "INVALID_ARGUMENT", /"dimension"; it takes dim, dtype/],
    [[2], "INVALID_ARGUMENT", /options object, got an array/],
    [2, "INVALID_ARGUMENT", /options object/],
    [null, "INVALID_ARGUMENT", /options object, got null/],
  ] as const)("refuse %j as options, and are not made", async (options, code, pattern) => {
    await refusal(() => workspace.db.requireCollection("docs", options as never), code, pattern);
    expect(await workspace.db.listCollections()).toEqual([]);
  });
});
