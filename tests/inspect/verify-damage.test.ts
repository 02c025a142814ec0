import { beforeAll, describe, expect, test } from "vitest";
import { MemoryFileSystem } from "../../src/storage/memory-file-system.js";
import { filesToHurt, type SmallRoot, smallRoot } from "../crash/damaged-root.js";
import { errorsOf, findingsOf, look } from "./inspected-root.js";

let root: SmallRoot;
let files: string[];

beforeAll(async () => {
  root = await smallRoot();
  files = filesToHurt(root);
});

function withFile(file: string, bytes: Uint8Array | undefined): MemoryFileSystem {
  const contents = new Map(root.contents);
  if (bytes === undefined) contents.delete(file);
  else contents.set(file, bytes);
  return MemoryFileSystem.of(contents);
}

test("an intact root has no findings, at any depth, and every row is counted", async () => {
  for (const depth of ["quick", "full", "deep"] as const) {
    const report = await look(MemoryFileSystem.of(root.contents), { depth });
    expect(findingsOf(report)).toEqual([]);
    const hurt = report.collections.find(({ collection }) => collection === "hurt")!;
    const last = root.states.at(-1)!.rows;
    expect(hurt.rows).toBe(last.filter(({ state }) => state === "live").length);
    expect(hurt.deletedRows).toBe(last.filter(({ state }) => state === "deleted").length);
    expect(hurt.writtenRows).toBe(last.length);
  }
});

/** Damages every file at places spread over it, and expects each to be found, in that file. */
async function expectFound(damage: (intact: Uint8Array, at: number) => Uint8Array, places: number): Promise<void> {
  for (const file of files) {
    const intact = root.contents.get(file)!;
    const step = Math.max(1, Math.floor(intact.length / places));
    for (let at = 0; at < intact.length; at += step) {
      const found = findingsOf(await look(withFile(file, damage(intact, at))));
      const own = found.filter((finding) => finding.file === file || finding.code === "log-tail");
      expect(own, `byte ${at} of ${file}: ${JSON.stringify(found)}`).not.toEqual([]);
      // The end of a log that nothing vouches for, and lock files, are suspicious at most.
      const isError = own.some(({ severity }) => severity === "error");
      const isVague = own.some(({ code }) => ["log-tail", "lock-file", "log-frame", "checkpoint"].includes(code));
      expect(isError || isVague, `byte ${at} of ${file}`).toBe(true);
    }
  }
}

describe("damage is found, in the file that has it", () => {
  test("a bit turned over", async () => {
    await expectFound((intact, at) => intact.map((byte, place) => (place === at ? byte ^ 4 : byte)), 40);
  });

  test("a byte of another value at every place of the log", async () => {
    const file = files.find((name) => name.endsWith("log-000001.lynse"))!;
    const intact = root.contents.get(file)!;
    for (let at = 0; at < intact.length; at += 3) {
      const bytes = intact.slice();
      bytes[at]! ^= 0xff;
      expect(findingsOf(await look(withFile(file, bytes))), `byte ${at}`).not.toEqual([]);
    }
  });

  test("a file that is missing", async () => {
    for (const file of files) {
      if (file.endsWith(".lock") || file.includes("/derived-")) continue;
      if (file.endsWith("/lynse.json")) continue;
      const found = errorsOf(await look(withFile(file, undefined)));
      expect(
        found.map((finding) => finding.file),
        file,
      ).toContain(file);
    }
  });

  test("a log or a vector file that was cut below what a checkpoint vouches for", async () => {
    for (const file of files.filter((name) => /\/(log-000001|vectors-[a-z]+)\.lynse$/.test(name))) {
      const intact = root.contents.get(file)!;
      const found = errorsOf(await look(withFile(file, intact.slice(0, 70))));
      expect(
        found.map((finding) => finding.file),
        file,
      ).toContain(file);
    }
  });

  test("a file that was put in the place of another", async () => {
    const [one, other] = [".lynse", ".lynse"].map(
      (_, at) => [...root.contents.keys()].filter((name) => name.endsWith("vectors-default.lynse"))[at],
    );
    const swapped = withFile(one!, root.contents.get(other!)!);
    expect(errorsOf(await look(swapped)).map(({ code, file }) => [code, file])).toContainEqual(["file-header", one]);
  });

  test("zeros in the place of a page of vectors, with the ids of the rows", async () => {
    const file = files.find((name) => name.endsWith("vectors-default.lynse"))!;
    const bytes = root.contents
      .get(file)!
      .slice()
      .fill(0, 64, 64 + 12);
    const [found] = errorsOf(await look(withFile(file, bytes)));
    expect(found).toMatchObject({ code: "vectors", file, offset: 64, batches: [1, 1] });
    expect(found!.ids).toContain(1);
  });
});

test("what a crash leaves is listed, and harmless", async () => {
  const folder = files.find((name) => name.endsWith("manifest.json"))!.slice(0, -"/manifest.json".length);
  const fs = MemoryFileSystem.of(
    new Map([
      ...root.contents,
      [`${folder}/g9`, null],
      [`${folder}/g1/derived-0000000000000001.lynse.tmp`, new Uint8Array(3)],
      [`${folder}/g1/index-default-000009`, null],
      [`${folder}/notes.txt`, new Uint8Array(3)],
    ]),
  );
  const report = await look(fs);
  expect(findingsOf(report)).toEqual([]);
  const notes = report.collections.find(({ collection }) => collection === "hurt")!.findings;
  expect(notes.map(({ code, file }) => [code, file.slice(folder.length + 1)])).toEqual([
    ["leftover", "g9"],
    ["unknown-file", "notes.txt"],
    ["leftover", "g1/derived-0000000000000001.lynse.tmp"],
    ["leftover", "g1/index-default-000009"],
  ]);
});
