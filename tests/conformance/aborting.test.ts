/**
 * AbortSignals: a call ends with `ABORTED`, and leaves nothing behind.
 */
import { describe, expect, it } from "vitest";
import type { Item } from "../../src/index.js";
import { modes } from "./modes.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

describe.each(modes)("aborting ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it("before the call begins ends it at once, with the reason as its cause", async () => {
    const docs = await workspace.collection();
    await docs.add({ ids: 1, vectors: [1, 1], fields: { n: 1 } });
    const reason = new Error("user went away");
    const signal = AbortSignal.abort(reason);
    const calls = [
      () => docs.search([1, 1], { signal }),
      () => docs.search([1, 1], { signal, where: "n = 1", filterIds: [1] }),
      () => docs.batchSearch([[1, 1]], { signal }),
      () => docs.searchRange([1, 1], { threshold: 0, signal }),
      () => docs.searchProfile([1, 1], { signal }),
      () => docs.query({ limit: 5, signal }),
      () => docs.query({ where: "n = 1", orderBy: "n", signal }),
      () => docs.queryVectors({ limit: 5, signal }),
      () => docs.bulkAddItems([[[1, 1], 2]], { signal }),
      () => docs.upsertItems([[[1, 1], 2]], { signal }),
      () => docs.compact({ signal }),
      () => docs.buildIndex("FLAT-L2", { signal }),
    ];
    for (const [at, call] of calls.entries()) {
      const error = await refusal(call, "ABORTED", /AbortSignal/);
      expect(error.cause, `call ${at}`).toBe(reason);
    }
    await docs.commit();
    expect(await docs.count()).toBe(1);
    expect(await docs.indexMode()).toBe("FLAT-IP");
  });

  it.each([
    10, 64, 1000, 4000,
  ])("in the middle of a bulkAddItems, after %i rows, leaves nothing of it", async (rows) => {
    const docs = await workspace.collection();
    const controller = new AbortController();
    const items = Array.from({ length: 5000 }, (_, id) => [[id, id], id] as const);
    const onProgress = ({ done }: { done: number }): void => {
      if (done >= rows) controller.abort();
    };
    const options = { batchSize: 10, onProgress, signal: controller.signal };
    await refusal(() => docs.bulkAddItems(items, options), "ABORTED");
    await docs.commit();
    expect(await docs.count()).toBe(0);
    expect(await docs.bulkAddItems(items.slice(0, 3), { signal: new AbortController().signal })).toEqual([0, 1, 2]);
    await docs.commit();
    expect(await docs.count()).toBe(3);
  });

  it("at the very last row of a bulkAddItems leaves nothing of it", async () => {
    const docs = await workspace.collection();
    const controller = new AbortController();
    async function* source(): AsyncGenerator<Item> {
      for (let id = 0; id < 100; id++) yield [[id, id], id];
      controller.abort();
    }
    await refusal(() => docs.bulkAddItems(source(), { signal: controller.signal }), "ABORTED");
    await docs.commit();
    expect(await docs.count()).toBe(0);
  });

  it("rolls a session back when the error is let through", async () => {
    const docs = await workspace.collection();
    const controller = new AbortController();
    const call = () =>
      docs.insertSession(async (session) => {
        await session.addItem([1, 1], { id: 1 });
        controller.abort();
        await session.bulkAddItems([[[2, 2], 2]], { signal: controller.signal });
      });
    await refusal(call, "ABORTED");
    expect(await docs.count()).toBe(0);
  });

  it("in the middle of a long search or compaction ends it, and the next one works", async () => {
    const docs = await workspace.collection("docs", { dim: 16 });
    const count = 40_000;
    const data = new Float32Array(count * 16).map((_, i) => Math.sin(i));
    await docs.bulkAddBinary({ data, dim: 16 });
    await docs.commit();
    await docs.delete([5]);
    const queries = Array.from({ length: 400 }, (_, n) => data.subarray(n * 16, n * 16 + 16));
    for (const run of [
      (signal: AbortSignal) => docs.batchSearch(queries, { signal, k: 50 }),
      (signal: AbortSignal) => docs.compact({ signal }),
    ]) {
      const controller = new AbortController();
      const running = run(controller.signal);
      setImmediate(() => controller.abort());
      await refusal(() => running, "ABORTED");
    }
    expect(await docs.listDeletedIds()).toEqual([5]);
    expect((await docs.search(queries[7]!, { k: 1, filterIds: [5, 7] })).ids).toEqual([7]);
    expect(await docs.compact()).toBe(1);
    expect(await docs.count()).toBe(count - 1);
  });
});

describe.each(modes)("a source that never gives its next item ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it("is left when the signal fires, and nothing of the call stays", async () => {
    const docs = await workspace.collection("stuck", { dim: 2 });
    const controller = new AbortController();
    async function* stuck(): AsyncGenerator<[number[], number]> {
      yield [[1, 1], 5];
      controller.abort();
      await new Promise(() => {});
    }
    await refusal(() => docs.bulkAddItems(stuck(), { signal: controller.signal }), "ABORTED");
    await docs.commit();
    expect(await docs.count()).toBe(0);
  });
});
