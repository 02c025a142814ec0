import { describe, expect, it } from "vitest";
import {
  type TransformersEmbedderOptions,
  type TransformersModule,
  transformersEmbedder,
} from "./transformers-embedder.js";

/** A package whose model gives a text's length and its place in the batch. */
function fakePackage(log: unknown[] = []): TransformersModule {
  return {
    async pipeline(task, model, options) {
      log.push([task, model, options]);
      return async (texts: readonly string[], chosen: object) => {
        log.push([texts.length, chosen]);
        const data = Float32Array.from(texts.flatMap((text, at) => [text.length, at]));
        return { data, dims: [texts.length, 2], dispose: () => log.push("disposed") };
      };
    },
  };
}

describe("the transformers embedder", () => {
  it("loads the package once, at the first call, and runs the model in batches", async () => {
    const log: unknown[] = [];
    let loads = 0;
    const load = async (): Promise<TransformersModule> => {
      loads += 1;
      return fakePackage(log);
    };
    const embed = transformersEmbedder({ load, batchSize: 2, dtype: "q8", pooling: "cls", normalize: false });
    expect(loads).toBe(0);
    const [first] = await Promise.all([embed(["a", "bb", "ccc"]), embed(["d"])]);
    expect(loads).toBe(1);
    expect(first.map((vector) => [...vector])).toEqual([
      [1, 0],
      [2, 1],
      [3, 0],
    ]);
    expect(log[0]).toEqual(["feature-extraction", "Xenova/all-MiniLM-L6-v2", { dtype: "q8" }]);
    expect(log).toContainEqual([2, { pooling: "cls", normalize: false }]);
    expect(log.filter((entry) => entry === "disposed")).toHaveLength(3);
  });

  it("says who it is by what its vectors depend on", () => {
    expect(transformersEmbedder().embedderName).toBe("transformers/Xenova/all-MiniLM-L6-v2/mean");
    expect(transformersEmbedder({ model: "m", normalize: false }).embedderName).toBe("transformers/m/mean/raw");
  });

  it("says what to install, and tries again at the next call", async () => {
    let isThere = false;
    const load = async (): Promise<TransformersModule> => {
      if (!isThere) throw new Error("Cannot find package");
      return fakePackage();
    };
    const embed = transformersEmbedder({ load });
    await expect(embed(["a"])).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringContaining("npm install @huggingface/transformers"),
    });
    isThere = true;
    expect(await embed(["a"])).toHaveLength(1);
  });

  it("passes on the model's own error", async () => {
    const failure = new Error("no such model");
    const load = async (): Promise<TransformersModule> => ({ pipeline: () => Promise.reject(failure) });
    await expect(Promise.resolve(transformersEmbedder({ load })(["a"]))).rejects.toBe(failure);
  });

  it.each([
    ["three dimensions", { data: new Float32Array(4), dims: [1, 2, 2] }, "dimensions 1 x 2 x 2 for 1 texts"],
    ["other rows", { data: new Float32Array(4), dims: [2, 2] }, "dimensions 2 x 2 for 1 texts"],
    ["other data", { data: new Float32Array(3), dims: [1, 2] }, "expected float32 vectors"],
    ["integers", { data: new Int8Array(2), dims: [1, 2] }, "expected float32 vectors"],
    ["nothing", undefined, "no tensor"],
  ])("refuses a model that gives %s", async (_, tensor, message) => {
    const load = async (): Promise<TransformersModule> => ({ pipeline: async () => async () => tensor });
    const embedding = Promise.resolve(transformersEmbedder({ load })(["a"]));
    await expect(embedding).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining(message),
    });
  });

  it("refuses another package, a missing function and options that mean nothing", async () => {
    const other = async () => ({}) as unknown as TransformersModule;
    await expect(transformersEmbedder({ load: other })(["a"])).rejects.toMatchObject({ code: "UNSUPPORTED" });
    const none = async (): Promise<TransformersModule> => ({ pipeline: async () => null });
    await expect(transformersEmbedder({ load: none })(["a"])).rejects.toMatchObject({ code: "UNSUPPORTED" });
    const make = (options: object) => () => transformersEmbedder(options as TransformersEmbedderOptions);
    expect(make({ quantized: true })).toThrow('no option "quantized"');
    expect(make({ pooling: "max" })).toThrow("pooling must be one of");
    expect(make({ model: "" })).toThrow("model must be");
    expect(make({ batchSize: 0 })).toThrow("batchSize must be");
    expect(make({ normalize: 1 })).toThrow("normalize must be");
    expect(make({ load: 1 })).toThrow("load must be");
  });

  it("stops between batches when it is aborted, and loads nothing for no texts", async () => {
    const controller = new AbortController();
    const load = async (): Promise<TransformersModule> => ({
      pipeline: async () => async (texts: readonly string[]) => {
        controller.abort();
        return { data: new Float32Array(texts.length), dims: [texts.length, 1] };
      },
    });
    const embed = transformersEmbedder({ load, batchSize: 1 });
    await expect(embed(["a", "b"], { signal: controller.signal })).rejects.toMatchObject({ code: "ABORTED" });
    const unused = transformersEmbedder({ load: () => Promise.reject(new Error("loaded")) });
    expect(await unused([])).toEqual([]);
  });
});
