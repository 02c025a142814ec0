import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readNdjson } from "./ndjson.js";

function streamOf(chunks: readonly Uint8Array[], onCancel: () => void = () => {}): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      const chunk = chunks[at++];
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
    cancel: onCancel,
  });
}

async function all(stream: ReadableStream<Uint8Array>): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const value of readNdjson(stream)) values.push(value);
  return values;
}

describe("stream of JSON lines", () => {
  it("gives the values however the bytes are cut", async () => {
    const json = fc
      .jsonValue({ maxDepth: 2, stringUnit: "grapheme" })
      .map((value) => JSON.parse(JSON.stringify(value)));
    await fc.assert(
      fc.asyncProperty(
        fc.array(json, { maxLength: 10 }),
        fc.array(fc.nat(20)),
        fc.boolean(),
        async (values, cuts, isEnded) => {
          const text = values.map((value) => JSON.stringify(value)).join("\n") + (isEnded ? "\n" : "");
          const bytes = new TextEncoder().encode(text);
          const chunks: Uint8Array[] = [];
          let from = 0;
          for (const cut of cuts) {
            chunks.push(bytes.subarray(from, from + cut));
            from = Math.min(from + cut, bytes.length);
          }
          chunks.push(bytes.subarray(from));
          expect(await all(streamOf(chunks))).toEqual(values);
        },
      ),
    );
  });

  it("skips empty lines", async () => {
    expect(await all(streamOf([new TextEncoder().encode("\n1\n\n\n2\n")]))).toEqual([1, 2]);
  });

  it("refuses a line that is no JSON, and cancels the stream", async () => {
    let isCancelled = false;
    const chunks = [new TextEncoder().encode("1\n{\n"), new Uint8Array(4)];
    await expect(all(streamOf(chunks, () => (isCancelled = true)))).rejects.toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
    expect(isCancelled).toBe(true);
  });

  it("cancels the stream when the loop is left", async () => {
    let isCancelled = false;
    const stream = streamOf(
      [new TextEncoder().encode("1\n2\n"), new TextEncoder().encode("3\n")],
      () => (isCancelled = true),
    );
    for await (const value of readNdjson(stream)) if (value === 1) break;
    expect(isCancelled).toBe(true);
  });

  it("holds no line that never ends", async () => {
    const piece = new Uint8Array(16 * 1024 * 1024).fill(0x31);
    let pulls = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulls += 1;
        controller.enqueue(piece);
      },
    });
    await expect(all(endless)).rejects.toThrow(/longer than 67108864 bytes/);
    expect(pulls).toBeLessThan(8);
  });
});
