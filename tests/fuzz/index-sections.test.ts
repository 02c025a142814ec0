/**
 * Does an index that is loaded from wrong bytes do harm?
 *
 * Sections whose checksums are right and whose content is not: what a mistake in a program, another version or memory that
 * lies would leave. `load` is called with them directly. It refuses them, or gives an index that may find the wrong rows,
 * but only rows that there are and that the filter lets through, each once. It takes neither long nor much memory.
 */
import { afterAll, describe, expect, test } from "vitest";
import { isLynseError } from "../../src/errors.js";
import { familyOf } from "../../src/index/index-families.js";
import { type IndexName, parseIndexName } from "../../src/index/index-name.js";
import { checkIndexParameters } from "../../src/index/index-parameters.js";
import type { BuildContext, IndexRows, IndexSearch, VectorIndex } from "../../src/index/vector-index.js";
import { inlinePool } from "../../src/kernel/kernel-pool.js";
import { MemoryFileSystem } from "../../src/storage/memory-file-system.js";
import { SeededRandom } from "../../src/storage/seeded-random.js";
import { mutatedBytes, mutatedSections, oddWordsOf, type Sections } from "./mutated-sections.js";

const names = [
  ...["FLAT-L2-SQ8", "FLAT-COS-PQ", "FLAT-IP-RABITQ", "FLAT-L2-POLARVEC4", "FLAT-JACCARD"],
  ...["IVF-L2", "IVF-COS-SQ8", "IVF-IP-PQ", "IVF-L2-RABITQ", "IVF-HAMMING"],
  ...["HNSW-L2", "HNSW-IP-SQ8", "HNSW-HAMMING", "HNSW-HELLINGER"],
  ...["DISKANN-L2", "DISKANN-IP-PQ", "SPANN-L2", "SPANN-COS-SQ8"],
];
const mutationsEach = 90;
const dim = 7;
const rowCount = 260;
const path = "/index";
/** Far above what an index of so few rows needs, far below what a wrong count could ask for. */
const bytesMax = 48 * 2 ** 20;
const millisecondsMax = 2_000;

const random = new SeededRandom(7);
const data = Float32Array.from({ length: (rowCount + 40) * dim }, () => random.below(64) / 64);
const rowsUpTo = (count: number): IndexRows => ({
  dim,
  rowCount: count,
  read: (from, to, target) => target.set(data.subarray(from * dim, to * dim)),
});

/** Half of the rows. */
const halfMask = new Uint32Array(Math.ceil((rowCount + 40) / 32)).fill(0x55555555);

function contextOf(fs: MemoryFileSystem): BuildContext {
  return { pool: inlinePool, dead: null, folder: { fs, path }, signal: undefined, onProgress: () => {} };
}

/** Sections and files of an index with a part added by an extension and some rows left out. */
async function keptIndex(name: IndexName, fs: MemoryFileSystem): Promise<Sections> {
  const parameters = checkIndexParameters(name, {});
  const dead = new Uint32Array(halfMask.length);
  dead[1] = 0b1011;
  const context = { ...contextOf(fs), dead };
  const index = await familyOf(name)!.build(name, parameters, rowsUpTo(rowCount - 60), context);
  await index.extend(rowsUpTo(rowCount), context);
  const sections = new Map<string, Uint8Array>();
  for (const { name: section, bytes } of await index.serialize()) {
    const pieces = bytes instanceof Uint8Array ? [bytes] : bytes;
    sections.set(section, new Uint8Array(await new Blob(pieces.map((piece) => piece.slice())).arrayBuffer()));
  }
  await index.release();
  return sections;
}

const oddWords = oddWordsOf(rowCount);

async function checkSearch(index: VectorIndex, rest: Partial<IndexSearch>): Promise<void> {
  const request = { k: 5, mask: null, maskCount: rowCount, rowCount, nprobe: null, signal: undefined, ...rest };
  const at = 3 * dim;
  const { rows, values } = await index.search({ query: data.slice(at, at + dim), ...request });
  expect(new Set(rows).size, "rows are distinct").toBe(rows.length);
  for (const row of rows) {
    expect(row, "rows are there").toBeLessThan(Math.min(request.rowCount, index.rowCount));
    if (request.mask !== null) expect((request.mask[row >>> 5]! >>> (row & 31)) & 1, "rows are allowed").toBe(1);
  }
  if (values !== null) expect(values.length).toBe(rows.length);
}

/** What `work` took of typed arrays' and kernel memory, bytes. */
async function bytesTaken(work: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage().arrayBuffers;
  const grownBefore = grownPages;
  await work();
  return process.memoryUsage().arrayBuffers - before + (grownPages - grownBefore) * 65_536;
}

let grownPages = 0;
const { grow } = WebAssembly.Memory.prototype;
WebAssembly.Memory.prototype.grow = function (this: WebAssembly.Memory, pages: number): number {
  grownPages += pages;
  return grow.call(this, pages);
};
afterAll(() => {
  WebAssembly.Memory.prototype.grow = grow;
});

/** Loads and searches; resolves to whether there was an index. */
async function judge(name: IndexName, sections: Sections, fs: MemoryFileSystem): Promise<boolean> {
  let index: VectorIndex | null = null;
  try {
    const parameters = checkIndexParameters(name, {});
    index = await familyOf(name)!.load(name, parameters, sections, { dim, folder: { fs, path } });
    // The engine refuses an index over more rows than there are.
    if (index === null || index.rowCount > rowCount) return false;
    expect(Number.isInteger(index.rowCount) && index.rowCount >= 0).toBe(true);
    await checkSearch(index, {});
    await checkSearch(index, { mask: halfMask, maskCount: rowCount / 2 });
    await checkSearch(index, { k: 40, rowCount: rowCount - 30, nprobe: 40 });
    await index.extend(rowsUpTo(rowCount + 40), contextOf(fs));
    await checkSearch(index, { k: 40, rowCount: rowCount + 40, maskCount: rowCount + 40 });
    return true;
  } catch (error) {
    if (isLynseError(error, "CORRUPT")) return true;
    throw error;
  } finally {
    await index?.release();
  }
}

describe.each(names)("%s", (text) => {
  const name = parseIndexName(text)!;

  test("made of wrong sections is refused, or finds rows that there are, each once", async () => {
    const fs = new MemoryFileSystem();
    const intact = await keptIndex(name, fs);
    expect(await judge(name, intact, fs), "the sections as they were kept").toBe(true);
    let refused = 0;
    for (let seed = 1; seed <= mutationsEach; seed++) {
      const sections = mutatedSections(intact, oddWords, new SeededRandom(seed * 31 + text.length));
      const startedAt = performance.now();
      try {
        const taken = await bytesTaken(async () => {
          if (!(await judge(name, sections, fs))) refused += 1;
        });
        expect(taken, "bytes taken").toBeLessThan(bytesMax);
        expect(performance.now() - startedAt, "milliseconds").toBeLessThan(millisecondsMax);
      } catch (error) {
        const found = [...sections].filter(([key, bytes]) => bytes !== intact.get(key)).map(([key]) => key);
        throw new Error(`seed ${seed}, ${found.join()}: ${error instanceof Error ? error.stack : error}`, {
          cause: error,
        });
      }
    }
    expect(refused, "some are refused").toBeGreaterThan(mutationsEach / 8);
  });
});

describe.each(names.filter((text) => /^(DISKANN|SPANN)/.test(text)))("%s", (text) => {
  const name = parseIndexName(text);

  test("whose file was damaged is refused, says so, or finds rows that there are", async () => {
    const fs = new MemoryFileSystem();
    const sections = await keptIndex(name, fs);
    const [file] = await fs.list(path);
    const handle = await fs.open(`${path}/${file!.name}`, "write");
    const intact = new Uint8Array(await handle.size());
    await handle.read(intact, 0);
    for (let seed = 1; seed <= 40; seed++) {
      const bytes = mutatedBytes(intact, oddWords, new SeededRandom(seed));
      await handle.truncate(0);
      await handle.write(bytes, 0);
      await judge(name, sections, fs).catch((error: unknown) => {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : error}`, { cause: error });
      });
      // What was taken in has left files of its own.
      for (const { name: other } of await fs.list(path)) if (other !== file!.name) await fs.remove(`${path}/${other}`);
    }
    await handle.truncate(0);
    await handle.write(intact, 0);
    expect(await judge(name, sections, fs)).toBe(true);
    await handle.close();
  });
});
