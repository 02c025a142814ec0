/**
 * Documents: rows whose vectors are made of their texts.
 */
import { describe, expect, it } from "vitest";
import { type EmbedFunction, hashEmbedder, LynseError } from "../../src/index.js";
import { modes } from "./modes.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

const texts = ["how to bake bread", "baking bread at home", "repairing a bicycle chain", "my bicycle has a flat tyre"];

describe.each(modes)("documents ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it("are embedded, kept, and found by texts like them", async () => {
    const docs = await workspace.db.requireCollection<{ document: string; n?: number }>("docs", {
      embed: hashEmbedder({ dim: 128 }),
      defaultIndex: "FLAT-COS",
    });
    const seen: number[] = [];
    const ids = await docs.add({
      documents: texts,
      fields: [{ n: 1 }, null, { n: 3 }, null] as never,
      onProgress: ({ done }) => seen.push(done),
    });
    expect(ids).toEqual([0, 1, 2, 3]);
    expect(seen.at(-1)).toBe(4);
    expect((await docs.get([0, 1])).fields).toEqual([{ n: 1, document: texts[0] }, { document: texts[1] }]);
    const found = await docs.search({ document: "bread baking" }, { k: 2 });
    expect([...found.ids].sort()).toEqual([0, 1]);
    const hybrid = await docs.hybridSearch({ document: "flat tyre", text: "bicycle" }, { k: 2 });
    expect(hybrid.ids[0]).toBe(3);
    expect((await docs.stats()).embedder).toMatchObject({ dim: 128 });
    expect(await docs.shape()).toEqual([4, 128]);
  });

  it("keep to the embedder that the collection began with", async () => {
    const docs = await workspace.db.requireCollection("docs", { embed: hashEmbedder({ dim: 64 }) });
    await docs.add({ ids: ["a"], documents: "one text" });
    const other = hashEmbedder({ dim: 64, seed: 9 });
    await refusal(() => docs.add({ ids: ["b"], documents: "two", embed: other }), "INVALID_ARGUMENT", /embedder/);
    await refusal(() => docs.search({ document: "two", embed: other }), "INVALID_ARGUMENT", /embedder/);
    if (mode.isPersistent) {
      const again = await workspace.reopen();
      await refusal(() => again.search({ document: "one" }), "INVALID_ARGUMENT", /need an embedder/);
      const opened = await workspace.db.getCollection("docs", { embed: hashEmbedder({ dim: 64 }) });
      expect((await opened.search({ document: "one" })).ids).toEqual(["a"]);
    }
    // A function without a name may be anything.
    const nameless: EmbedFunction = async (given) => given.map(() => new Float32Array(64).fill(1));
    const collection = await workspace.db.getCollection("docs");
    expect((await collection.search({ document: "x", embed: nameless })).ids).toEqual(["a"]);
  });

  it("are of the embedder that a new collection was given, from the start", async () => {
    const docs = await workspace.db.requireCollection("docs", { embed: hashEmbedder({ dim: 48 }) });
    expect((await docs.stats()).embedder).toMatchObject({ dim: 48, name: hashEmbedder({ dim: 48 }).embedderName });
    expect(await docs.shape()).toEqual([0, 48]);
    const other = hashEmbedder({ dim: 24 });
    await refusal(() => workspace.db.requireCollection("docs", { embed: other }), "INVALID_ARGUMENT", /embedder/);
    await refusal(() => workspace.db.getCollection("docs", { embed: other }), "INVALID_ARGUMENT", /embedder/);
    await refusal(() => workspace.db.requireCollection("new", { dim: 7, embed: other }), "DIMENSION_MISMATCH", /24/);
  });

  it("may bring vectors of their own", async () => {
    const docs = await workspace.collection();
    await docs.add({
      ids: [1],
      vectors: [[1, 2]],
      documents: ["kept as it is"],
      fields: [{ document: "overridden", n: 1 }],
    });
    expect((await docs.get(1)).fields).toEqual([{ document: "kept as it is", n: 1 }]);
    expect((await docs.bm25Search("kept")).ids).toEqual([1]);
  });

  it("store nothing when the embedder fails, and pass its error on", async () => {
    const docs = await workspace.collection();
    const thrown = new Error("out of quota");
    const failing: EmbedFunction = async () => {
      throw thrown;
    };
    await expect(docs.add({ documents: texts, embed: failing })).rejects.toBe(thrown);
    const add = (embed: unknown) => () => docs.add({ documents: texts, embed: embed as EmbedFunction });
    await refusal(
      add(async () => [[1, 2]]),
      "INVALID_ARGUMENT",
      /1 vector.* 4 texts/,
    );
    await refusal(
      add(async () => texts.map(() => [1, 2, 3])),
      "DIMENSION_MISMATCH",
    );
    await refusal(
      add(async () => texts.map(() => [1, Number.NaN])),
      "INVALID_VECTOR",
    );
    await refusal(
      add(async () => "vectors"),
      "INVALID_ARGUMENT",
    );
    await refusal(add(5), "INVALID_ARGUMENT", /embed/);
    await refusal(() => docs.add({ documents: texts }), "INVALID_ARGUMENT", /need an embedder/);
    await refusal(() => docs.add({ documents: [1] as never }), "INVALID_ARGUMENT", /document 0/);
    await refusal(() => docs.add({ documents: ["a"], ids: [1, 2], embed: failing }), "INVALID_ARGUMENT", /2 ids/);
    await refusal(() => docs.add({}), "INVALID_ARGUMENT", /vectors/);
    await refusal(() => docs.search({ document: "" }), "INVALID_ARGUMENT", /text/);
    const ended = AbortSignal.abort();
    await expect(docs.add({ documents: texts, embed: failing, signal: ended })).rejects.toMatchObject({
      code: "ABORTED",
    });
    expect(await docs.count()).toBe(0);
    expect(LynseError.name).toBe("LynseError");
  });

  it("are added in sessions", async () => {
    const docs = await workspace.db.requireCollection("docs", { embed: hashEmbedder({ dim: 32 }) });
    await docs.insertSession(async (session) => {
      await session.add({ ids: [1, 2], documents: texts.slice(0, 2) });
      expect(await docs.count()).toBe(0);
    });
    expect((await docs.bm25Search("home")).ids).toEqual([2]);
  });
});
