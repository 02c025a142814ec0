/**
 * Do sections of a checkpoint that hold wrong bytes do harm?
 *
 * Text indexes, sparse indexes and tables of slots that are made of sections whose checksums are right and whose
 * content is not. They are refused, and made anew from the log; or they may find the wrong rows, but only rows that
 * there are and that the filter lets through, each once. They take neither long nor much memory.
 */
import { strict as assert } from "node:assert";
import { expect, test } from "vitest";
import { isLynseError } from "../../src/errors.js";
import { SparseIndex } from "../../src/sparse/sparse-index.js";
import { checkSparse } from "../../src/sparse/sparse-vector.js";
import { MemoryFileSystem } from "../../src/storage/memory-file-system.js";
import { readSectionFile, writeSectionFile } from "../../src/storage/section-file.js";
import { SeededRandom } from "../../src/storage/seeded-random.js";
import { createAnalyser } from "../../src/text/analysis/create-analyser.js";
import { TextIndex, type TextSearch } from "../../src/text/index/text-index.js";
import { filesToHurt, judge, type SmallRoot, smallRoot } from "../crash/damaged-root.js";
import { SimulatedRoot } from "../crash/simulated-root.js";
import { mutatedSections, oddWordsOf, type Sections } from "./mutated-sections.js";

const rowCount = 260;
const oddWords = oddWordsOf(rowCount);
const mutations = 350;
/** Far above what an index of so few rows needs, far below what a wrong count could ask for. */
const bytesMax = 64 * 2 ** 20;
const millisecondsMax = 2_000;
/** Every second row. */
const halfMask = new Uint32Array(Math.ceil((rowCount + 40) / 32)).fill(0x55555555);

/** Runs `judgeOne` on sections that follow from seeds; resolves to how many of them were refused. */
async function refusals(intact: Sections, judgeOne: (sections: Sections) => Promise<boolean>): Promise<number> {
  let refused = 0;
  for (let seed = 1; seed <= mutations; seed++) {
    const sections = mutatedSections(intact, oddWords, new SeededRandom(seed));
    const startedAt = performance.now();
    try {
      if (!(await judgeOne(sections))) refused += 1;
      expect(performance.now() - startedAt, "milliseconds").toBeLessThan(millisecondsMax);
    } catch (error) {
      const changed = [...sections].filter(([name, bytes]) => bytes !== intact.get(name)).map(([name]) => name);
      throw new Error(`seed ${seed}, ${changed.join()}: ${error instanceof Error ? error.stack : error}`, {
        cause: error,
      });
    }
  }
  return refused;
}

/** Rows that a search may give: each once, those that there are and that are allowed, best first. */
function expectRows(
  { rows, scores }: { rows: Uint32Array; scores: Float64Array },
  limit: number,
  mask: Uint32Array | null,
) {
  expect(new Set(rows).size, "rows are distinct").toBe(rows.length);
  expect(scores.length).toBe(rows.length);
  rows.forEach((row, at) => {
    expect(row, "rows are there").toBeLessThan(limit);
    if (mask !== null) expect((mask[row >>> 5]! >>> (row & 31)) & 1, "rows are allowed").toBe(1);
    // Weights of any bits give scores of any kind, so only numbers have an order.
    if (at > 0 && scores.every((score) => !Number.isNaN(score)))
      expect(scores[at]).toBeLessThanOrEqual(scores[at - 1]!);
  });
}

const words = Array.from({ length: 60 }, (_, at) => `w${at}`);

/** Rows as their metadata in UTF-8. */
function texts(from: number, to: number): { bytes: Uint8Array; ends: Uint32Array } {
  const random = new SeededRandom(from + 1);
  const encoded = Array.from({ length: to - from }, (_, at) => {
    const text = Array.from({ length: 1 + random.below(12) }, () => words[random.below(words.length)]).join(" ");
    return new TextEncoder().encode(
      JSON.stringify(at % 7 === 0 ? {} : { title: text, tags: [text.slice(0, 3)], n: at }),
    );
  });
  const ends = new Uint32Array(encoded.length);
  encoded.forEach((each, at) => {
    ends[at] = (ends[at - 1] ?? 0) + each.length;
  });
  return { bytes: Uint8Array.from(encoded.flatMap((each) => [...each])), ends };
}

test("a text index of wrong sections is refused, or finds rows that there are, each once", async () => {
  const options = { analyser: await createAnalyser({}), fields: null };
  const index = new TextIndex(options);
  const rows = texts(0, rowCount);
  index.append(rows.bytes, rows.ends, 0, rowCount);
  const intact: Sections = new Map(index.serialize().map(({ name, bytes }) => [name, bytes]));
  const more = texts(rowCount, rowCount + 40);
  const ask = (from: TextIndex, limit: number, rest: Partial<TextSearch>): void => {
    const search = {
      groups: [
        { terms: ["w1"], weight: 1 },
        { terms: { prefix: "w2" }, weight: 2 },
      ],
      ...{ required: [], excluded: [["w9"]], fields: null, mask: null, rowLimit: limit },
      ...{ live: { mask: null, count: limit, version: 1 }, k: 10, k1: 1.2, b: 0.75 },
      ...rest,
    };
    expectRows(from.search(search), limit, search.mask);
    expect(from.matches(search).length).toBe(Math.ceil(limit / 32));
  };
  const judgeOne = async (sections: Sections): Promise<boolean> => {
    const restored = TextIndex.deserialize(options, sections);
    if (restored === null) return false;
    // The engine refuses an index over more rows than there are.
    const { rowCount: covered } = restored;
    expect(Number.isInteger(covered)).toBe(true);
    if (covered > rowCount) return false;
    ask(restored, covered, {});
    ask(restored, covered, { mask: halfMask, fields: ["title"], k: 300 });
    ask(restored, covered, {
      required: [["w3"]],
      excluded: [],
      live: { mask: halfMask, count: covered / 2, version: 2 },
    });
    restored.append(more.bytes, more.ends, 0, 40);
    ask(restored, covered + 40, { k: 300 });
    expect(restored.memoryBytes).toBeLessThan(bytesMax);
    restored.release();
    return true;
  };
  expect(await judgeOne(intact), "the sections as they were kept").toBe(true);
  expect(await refusals(intact, judgeOne), "some are refused").toBeGreaterThan(mutations / 4);
});

test("a sparse index of wrong sections is refused, or finds rows that there are, each once", async () => {
  const random = new SeededRandom(3);
  const vector = () =>
    checkSparse(
      Array.from({ length: 1 + random.below(20) }, () => [random.below(90), (1 + random.below(60)) / 8 - 2]),
      () => "a vector",
    );
  const index = new SparseIndex();
  for (let row = 0; row < rowCount; row += 1 + random.below(2)) index.set(row, vector());
  const intact: Sections = new Map(index.serialize().map(({ name, bytes }) => [name, bytes]));
  const judgeOne = async (sections: Sections): Promise<boolean> => {
    const restored = await SparseIndex.deserialize(Array.from(sections, ([name, bytes]) => ({ name, bytes })));
    if (restored === null) return false;
    const sparse = vector();
    for (const mask of [null, halfMask]) {
      expectRows(restored.search({ sparse, k: 12, mask, rowLimit: rowCount }), rowCount, mask);
      expect(restored.matches(sparse, mask, rowCount).length).toBe(Math.ceil(rowCount / 32));
    }
    for (let row = rowCount - 20; row < rowCount + 40; row++) restored.set(row, vector());
    restored.move(rowCount, rowCount + 1);
    expectRows(restored.search({ sparse, k: 400, mask: null, rowLimit: rowCount + 40 }), rowCount + 40, null);
    expect(restored.memoryBytes).toBeLessThan(bytesMax);
    restored.release();
    return true;
  };
  expect(await judgeOne(intact), "the sections as they were kept").toBe(true);
  expect(await refusals(intact, judgeOne), "some are refused").toBeGreaterThan(mutations / 8);
});

/** Sections of what hangs on rows, and of texts. */
const attachedPattern = /^(field\.|sparse\.|text\.)/;

async function checkpointOf(root: SmallRoot): Promise<{ path: string; intact: Sections }> {
  const path = filesToHurt(root).find((file) => /\/derived-\d+\.lynse$/.test(file))!;
  const { sections } = await readSectionFile(MemoryFileSystem.of(new Map(root.contents)), path, "LYNSEDER", () => {});
  return { path, intact: sections };
}

/** The root with other sections in its checkpoint, checksums and all. */
async function withSections(root: SmallRoot, path: string, sections: Sections): Promise<MemoryFileSystem> {
  const fs = MemoryFileSystem.of(new Map(root.contents));
  const { header } = await readSectionFile(fs, path, "LYNSEDER", () => {});
  const list = Array.from(sections, ([name, bytes]) => ({ name, bytes }));
  await writeSectionFile(fs, path, { ...header, kind: "LYNSEDER" }, list);
  return fs;
}

test("a checkpoint whose sections are cut, missing, lengthened or exchanged changes no answer", async () => {
  const root = await smallRoot();
  const { path, intact } = await checkpointOf(root);
  const names = [...intact.keys()].filter((name) => attachedPattern.test(name));
  for (const prefix of ["field.0.slots", "field.0.ranges", "sparse.", "text."]) {
    assert(
      names.some((name) => name.startsWith(prefix)),
      `the checkpoint has a section ${prefix}`,
    );
  }
  const same = async (what: string, sections: Sections): Promise<void> => {
    const verdict = await judge(await withSections(root, path, sections), root, path);
    expect(verdict, what).toBe("same");
  };
  await same("nothing", intact);
  for (const name of names) {
    const bytes = intact.get(name)!;
    const changed = (other: Uint8Array): Sections => new Map(intact).set(name, other);
    await same(`without ${name}`, new Map([...intact].filter(([other]) => other !== name)));
    for (const length of new Set([0, 1, bytes.length >> 1, bytes.length - 1])) {
      if (length < 0 || length >= bytes.length) continue;
      await same(`${name} of ${length} bytes`, changed(bytes.subarray(0, length)));
    }
    await same(`${name} twice`, changed(Uint8Array.from([...bytes, ...bytes, 0])));
    const next = names[(names.indexOf(name) + 1) % names.length]!;
    await same(`${name} for ${next}`, new Map(intact).set(name, intact.get(next)!).set(next, bytes));
  }
});

test("a checkpoint of any wrong sections is read without harm", async () => {
  const root = await smallRoot();
  const { path, intact } = await checkpointOf(root);
  const attached: Sections = new Map([...intact].filter(([name]) => attachedPattern.test(name)));
  const known = new Set(root.states.flatMap(({ rows }) => rows.map(({ id }) => id)));
  let opened = 0;
  for (let seed = 1; seed <= 150; seed++) {
    const sections = mutatedSections(attached, oddWordsOf(10), new SeededRandom(seed));
    const rest = [...intact].filter(([name]) => !attachedPattern.test(name));
    const fs = await withSections(root, path, new Map([...rest, ...sections]));
    const startedAt = performance.now();
    const simulated = await SimulatedRoot.open(fs);
    try {
      const docs = await simulated.database("alpha").getCollection("hurt");
      const found = [
        await docs.search([1, 2], { vectorField: "image", returnVectors: true }),
        await docs.searchSparse(
          [
            [3, 1],
            [70_000, 2],
          ],
          { returnFields: true },
        ),
        await docs.bm25Search("red green", { returnFields: true }),
        await docs.hybridSearch({ vector: [1, 1, 1], text: "green", sparse: [[9, 1]] }),
      ];
      for (const { ids } of found) {
        expect(new Set(ids).size).toBe(ids.length);
        for (const id of ids) expect(known.has(id), `${JSON.stringify(id)} is a row`).toBe(true);
      }
      await docs.upsert({
        ids: [3, 99],
        vectors: [
          [1, 2, 3],
          [4, 5, 6],
        ],
      });
      await docs.compact();
      opened += 1;
    } catch (error) {
      if (!isLynseError(error, "CORRUPT")) throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
    } finally {
      await simulated.abandon();
    }
    expect(performance.now() - startedAt, `milliseconds of seed ${seed}`).toBeLessThan(millisecondsMax);
  }
  expect(opened).toBeGreaterThan(75);
});
