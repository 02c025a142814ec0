/**
 * Workload: what does a search cost whose vectors are on disk?
 *
 * Two read-only clients of one folder in this process: one with everything in memory, one with a memory budget of a third of
 * the raw vectors. They take turns with the same query, so that both meet the same load of the machine, and must give the
 * same answer. The file cache is warm.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { BenchContext } from "../bench-context.js";
import type { WorkloadReport } from "../report.js";
import { rowBatches } from "../row-batches.js";
import { median } from "../statistics.js";

interface Collection {
  add(rows: { ids: readonly number[]; vectors: { data: Float32Array; dim: number } }): Promise<unknown>;
  search(
    query: Float32Array,
    options: { readonly k: number },
  ): Promise<{ readonly ids: ArrayLike<number>; readonly distances: ArrayLike<number> }>;
  stats(): Promise<{ readonly memory: { readonly totalBytes: number; readonly onDiskBytes: number } }>;
}

interface Client {
  createDatabase(name: string): Promise<{
    requireCollection(name: string, options: { readonly dim: number }): Promise<Collection>;
  }>;
  getDatabase(name: string): Promise<{ getCollection(name: string): Promise<Collection> }>;
  close(): Promise<void>;
}

interface Package {
  readonly VectorDBClient: new (
    uri: string,
    options: { readonly readOnly?: boolean; readonly memoryBudget?: number },
  ) => Client;
}

export async function measureBudget(context: BenchContext): Promise<WorkloadReport> {
  const { packageDirectory, scratch, rounds, k } = context.settings;
  const { queries, files } = context.corpus;
  const { dim, rowCount, queryCount } = files;
  const library = (await import(pathToFileURL(join(packageDirectory, "index.js")).href)) as Package;
  const directory = join(scratch, "budget");
  await fill(library, directory, context);
  const memoryBudget = Math.floor((rowCount * dim * 4) / 3);
  const clients = [{ readOnly: true }, { readOnly: true, memoryBudget }].map(
    (options) => new library.VectorDBClient(directory, options),
  );
  try {
    const [whole, spilled] = (await Promise.all(
      clients.map(async (client) => (await client.getDatabase("bench")).getCollection("rows")),
    )) as [Collection, Collection];
    const times: [number[], number[]] = [[], []];
    // The first round derives codes and warms the file cache.
    for (let round = 0; round <= rounds; round += 1) {
      for (let at = 0; at < queryCount; at += 1) {
        const query = queries.subarray(at * dim, (at + 1) * dim);
        const startedAt = performance.now();
        const wanted = await whole.search(query, { k });
        const between = performance.now();
        const found = await spilled.search(query, { k });
        const endedAt = performance.now();
        assertSame(wanted, found);
        if (round === 0) continue;
        times[0].push((between - startedAt) * 1000);
        times[1].push((endedAt - between) * 1000);
      }
    }
    const sizes = [(await whole.stats()).memory, (await spilled.stats()).memory];
    return report(times, sizes, rowCount * dim * 4);
  } finally {
    for (const client of clients) await client.close();
  }
}

async function fill(library: Package, directory: string, context: BenchContext): Promise<void> {
  const { files } = context.corpus;
  const client = new library.VectorDBClient(directory, {});
  const collection = await (await client.createDatabase("bench")).requireCollection("rows", { dim: files.dim });
  for await (const { firstId, count, vectors } of rowBatches(files, context.settings.batchRows)) {
    const ids = Array.from({ length: count }, (_, row) => firstId + row);
    await collection.add({ ids, vectors: { data: vectors, dim: files.dim } });
  }
  await client.close();
}

type Answer = Awaited<ReturnType<Collection["search"]>>;

function assertSame(wanted: Answer, found: Answer): void {
  for (const part of ["ids", "distances"] as const) {
    const [a, b] = [Array.from(wanted[part]), Array.from(found[part])];
    if (a.length !== b.length || a.some((value, at) => value !== b[at])) throw new Error(`another answer: ${part}`);
  }
}

function report(
  times: readonly [readonly number[], readonly number[]],
  sizes: readonly { readonly totalBytes: number; readonly onDiskBytes: number }[],
  rawBytes: number,
): WorkloadReport {
  const measurements = ["everything in memory", "a third of the vectors' bytes"].map((engine, at) => ({
    engine,
    role: "ours" as const,
    figures: {
      us: median(times[at]!),
      memory: sizes[at]!.totalBytes / rawBytes,
      onDisk: sizes[at]!.onDiskBytes / rawBytes,
    },
    isComparable: true,
    note: "",
  }));
  return {
    workload: "budget",
    title: "exact search under a memory budget",
    columns: [
      { key: "us", label: "median µs", digits: 0 },
      { key: "memory", label: "memory / raw vectors", digits: 2 },
      { key: "onDisk", label: "on disk alone", digits: 2 },
    ],
    primary: "us",
    better: "lower",
    measurements,
    absences: [],
    facts: { ratio: median(times[1]) / median(times[0]) },
    notes: [],
  };
}
