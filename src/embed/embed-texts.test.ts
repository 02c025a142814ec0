import { describe, expect, it } from "vitest";
import { embedTexts } from "./embed-texts.js";
import type { EmbedContext, EmbedFunction } from "./embedder.js";

const texts = Array.from({ length: 10 }, (_, at) => `text ${at}`);
const byNumber: EmbedFunction = (batch) => batch.map((text) => [Number(text.slice(5)), 1]);

describe("embedding texts", () => {
  it("gives one row a text, in order, batch by batch", async () => {
    const batches: number[] = [];
    const progress: number[] = [];
    const embed: EmbedFunction = async (batch, context) => {
      batches.push(batch.length);
      return byNumber(batch, context);
    };
    const onProgress = ({ done, total }: { done: number; total: number }): void => {
      expect(total).toBe(10);
      progress.push(done);
    };
    const { data, dim, count } = await embedTexts(embed, texts, { batchSize: 4, onProgress });
    expect({ dim, count, batches, progress }).toEqual({ dim: 2, count: 10, batches: [4, 4, 2], progress: [4, 8, 10] });
    expect([...data]).toEqual(texts.flatMap((_, at) => [at, 1]));
  });

  it("takes batches of the size that the embedder prefers, unless the caller says another", async () => {
    const sizes: number[] = [];
    const embed = Object.assign(
      (batch: readonly string[]) => {
        sizes.push(batch.length);
        return batch.map(() => new Float32Array([1]));
      },
      { batchSize: 7 },
    );
    await embedTexts(embed, texts);
    await embedTexts(embed, texts, { batchSize: 10 });
    expect(sizes).toEqual([7, 3, 10]);
  });

  it("keeps the order when later batches are done first, with as many calls at once as allowed", async () => {
    let running = 0;
    let most = 0;
    const waiting: (() => void)[] = [];
    const embed: EmbedFunction = async (batch, context) => {
      running += 1;
      most = Math.max(most, running);
      const isRoundFull = running === 3 || batch.includes("text 9");
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (isRoundFull) for (const next of waiting.splice(0).reverse()) next();
      });
      running -= 1;
      return byNumber(batch, context);
    };
    const { data } = await embedTexts(embed, texts, { batchSize: 1, concurrency: 3 });
    expect(most).toBe(3);
    expect([...data]).toEqual(texts.flatMap((_, at) => [at, 1]));
  });

  it("tells the embedder the purpose and hands it a signal", async () => {
    let seen: EmbedContext | undefined;
    const embed: EmbedFunction = (batch, context) => {
      seen = context;
      return batch.map(() => [1]);
    };
    await embedTexts(embed, ["a"], { purpose: "query" });
    expect(seen?.purpose).toBe("query");
    expect(seen?.signal).toBeInstanceOf(AbortSignal);
  });

  it("does not ask for no texts", async () => {
    const embed = (): never => {
      throw new Error("was asked");
    };
    expect(await embedTexts(embed, [], { expectedDim: 3 })).toMatchObject({ dim: 3, count: 0 });
  });

  const given = (vectors: unknown, count = 2, options = {}): Promise<unknown> =>
    embedTexts(() => vectors as number[][], texts.slice(0, count), options);

  it.each([
    ["too few", [[1]], "INVALID_ARGUMENT", "gave 1 vectors for 2 texts"],
    ["too many", [[1], [2], [3]], "INVALID_ARGUMENT", "gave 3 vectors for 2 texts"],
    ["nothing", undefined, "INVALID_ARGUMENT", "gave undefined; expected an array of 2 vectors"],
    ["a flat matrix", new Float32Array(4), "INVALID_ARGUMENT", "gave a value of type object"],
    ["no vector", [[1], null], "INVALID_ARGUMENT", "gave null for text 1"],
    ["a text", [[1], "x"], "INVALID_ARGUMENT", "gave a value of type string for text 1"],
    ["an empty vector", [[], []], "INVALID_ARGUMENT", "an empty vector for text 0"],
    [
      "other lengths",
      [[1, 2], [1]],
      "DIMENSION_MISMATCH",
      "a vector of 1 numbers for text 1; the ones before it have 2",
    ],
    ["NaN", [[1], [Number.NaN]], "INVALID_VECTOR", "gave NaN at component 0 for text 1"],
    ["more than float32 holds", [[1], [1e39]], "INVALID_VECTOR", "finite float32"],
    ["a bigint", [[1], [1n]], "INVALID_VECTOR", "type bigint"],
    ["a hole", [[1], new Array(1)], "INVALID_VECTOR", "undefined at component 0"],
  ])("refuses %s", async (_, vectors, code, message) => {
    await expect(given(vectors)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it("refuses vectors of another length than the field's, and longer than any field's", async () => {
    await expect(
      given(
        [
          [1, 2],
          [3, 4],
        ],
        2,
        { expectedDim: 3 },
      ),
    ).rejects.toMatchObject({
      code: "DIMENSION_MISMATCH",
      message: expect.stringContaining("the field's dimension is 3"),
    });
    await expect(given([new Float32Array(16_385)], 1)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  });

  it("passes on what the embedder throws, itself", async () => {
    const failure = new TypeError("model not found");
    const failing = (): never => {
      throw failure;
    };
    await expect(embedTexts(failing, ["a"])).rejects.toBe(failure);
    await expect(embedTexts(() => Promise.reject(failure), ["a"])).rejects.toBe(failure);
  });

  it("ends the other calls when one fails", async () => {
    const failure = new Error("broken");
    const ended: unknown[] = [];
    const embed: EmbedFunction = (batch, context) => {
      if (batch[0] === "text 1") return Promise.reject(failure);
      return new Promise((_, reject) => {
        context?.signal?.addEventListener("abort", () => {
          ended.push(context.signal?.reason);
          reject(new Error("ended"));
        });
      });
    };
    await expect(embedTexts(embed, texts, { batchSize: 1, concurrency: 2 })).rejects.toBe(failure);
    expect(ended).toEqual([failure]);
  });

  it("is aborted at once, even when the embedder does not listen", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const never: EmbedFunction = () => new Promise(() => {});
    const embedding = embedTexts(never, ["a"], { signal: controller.signal });
    controller.abort(reason);
    await expect(embedding).rejects.toMatchObject({ code: "ABORTED", cause: reason });
    const during = new AbortController();
    const stopping: EmbedFunction = () => {
      during.abort();
      return new Promise(() => {});
    };
    await expect(embedTexts(stopping, ["a"], { signal: during.signal })).rejects.toMatchObject({ code: "ABORTED" });
    const before = embedTexts(byNumber, texts, { signal: AbortSignal.abort() });
    await expect(before).rejects.toMatchObject({ code: "ABORTED" });
    expect(await embedTexts(byNumber, texts, { signal: new AbortController().signal })).toMatchObject({ count: 10 });
  });

  it("refuses what is no function, no text and no count", async () => {
    const wrong = (embed: unknown, list: unknown, options = {}) =>
      embedTexts(embed as EmbedFunction, list as string[], options);
    await expect(wrong("openai", ["a"])).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(wrong(byNumber, "a")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(wrong(byNumber, ["a", 1])).rejects.toMatchObject({ message: expect.stringContaining("position 1") });
    await expect(wrong(byNumber, ["a"], { batchSize: 0 })).rejects.toMatchObject({ details: { option: "batchSize" } });
  });
});
