/**
 * What becomes of an index when its program ends in the middle of a build, by a kill or a thread that dies, and does a
 * program that builds one end by itself?
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it } from "vitest";
import { LynseError } from "../../src/errors.js";
import type { Progress } from "../../src/index.js";
import { folderMode } from "../conformance/modes.js";
import { useWorkspace } from "../conformance/workspace.js";
import { type IndexCorpus, indexCorpus } from "./index-corpus.js";
import { compare, type Docs, fill } from "./indexed-collection.js";

const corpus = indexCorpus(8_000, 16);
const program = fileURLToPath(new URL("builder-process.mjs", import.meta.url));
const workspace = useWorkspace(folderMode);

async function filled(rows: IndexCorpus = corpus): Promise<Docs> {
  const docs = (await workspace.collection("docs", { dim: rows.dim })) as unknown as Docs;
  await fill(docs, rows);
  return docs;
}

async function indexFolders(): Promise<string[]> {
  const names = await readdir(join(workspace.place.uri, "app", "docs"), { recursive: true });
  return names.filter((name) => /index-default-\d+$/.test(name)).sort();
}

interface Told {
  readonly done?: number;
  readonly total?: number;
  readonly built?: string;
  readonly over?: boolean;
  readonly atMs?: number;
}

/** Runs the program; `onTold` hears each line at once. Resolves when it has ended. */
async function run(
  args: readonly string[],
  onTold: (told: Told, kill: () => void) => void = () => {},
): Promise<{ readonly code: number | null; readonly told: readonly Told[]; readonly endedAtMs: number }> {
  const child = spawn(process.execPath, [program, workspace.place.uri, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const told: Told[] = [];
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const message = JSON.parse(line) as Told;
      told.push(message);
      onTold(message, () => void child.kill("SIGKILL"));
    }
  });
  const limit = setTimeout(() => child.kill("SIGKILL"), 20_000);
  const exited = once(child, "exit").then(() => Date.now());
  const [code] = (await once(child, "close")) as [number | null];
  clearTimeout(limit);
  return { code, told, endedAtMs: await exited };
}

describe.each(["HNSW-L2", "DISKANN-L2", "SPANN-COS"])("a program killed while it builds %s", (mode) => {
  it("leaves the index before it, all rows and nothing half built; the next build works", async () => {
    await (await filled()).buildIndex("FLAT-L2-SQ8");
    await workspace.client.close();
    let halfBuilt = 0;
    // Once early in the build and once late.
    for (const share of [0, 0.6]) {
      const { code, told } = await run([mode, "hang"], ({ done, total }, kill) => {
        if (done !== undefined && done / total! >= share) kill();
      });
      expect(code).toBeNull();
      halfBuilt += (await indexFolders()).length - 1;
      const docs = (await workspace.reopen()) as unknown as Docs;
      // On a machine that is busy the kill may come late, in a second build.
      expect(await docs.indexMode()).toBe(told.some(({ built }) => built !== undefined) ? mode : "FLAT-L2-SQ8");
      expect((await docs.stats()).indexState).toMatchObject({ state: "ready", rows: corpus.count });
      expect(await indexFolders()).toHaveLength(1);
      expect((await docs.shape())[0]).toBe(corpus.count);
      expect((await compare(docs, corpus)).recall).toBeGreaterThanOrEqual(0.9);
      await workspace.client.close();
    }
    expect(halfBuilt, "kills in the middle of a build").toBeGreaterThan(0);
    const docs = (await workspace.reopen()) as unknown as Docs;
    await docs.buildIndex(mode);
    expect(await docs.indexMode()).toBe(mode);
    expect((await compare(docs, corpus)).recall).toBeGreaterThanOrEqual(0.9);
  });
});

describe("a program that builds an index", () => {
  it.each(["close", "forget"])("ends by itself, soon and well (%s)", async (ending) => {
    await filled();
    await workspace.client.close();
    for (const mode of ["HNSW-L2", "DISKANN-L2"]) {
      const { code, told, endedAtMs } = await run([mode, ending]);
      expect(code).toBe(0);
      expect(told.at(-1)?.over).toBe(true);
      expect(endedAtMs - told.at(-1)!.atMs!).toBeLessThan(3_000);
    }
    const docs = (await workspace.reopen()) as unknown as Docs;
    expect(await docs.indexMode()).toBe("DISKANN-L2");
    expect((await docs.stats()).indexState).toMatchObject({ state: "ready", rows: corpus.count });
  });
});

describe("the threads of a build", () => {
  const workers: Worker[] = [];
  const listen = (worker: Worker): void => void workers.push(worker);
  afterEach(() => {
    process.off("worker", listen);
    workers.length = 0;
  });

  it("may die: the build is refused, searches go on, the next build works", async () => {
    process.on("worker", listen);
    const docs = await filled();
    await docs.buildIndex("FLAT-L2-SQ8");
    const deaths: Promise<number>[] = [];
    const onProgress = ({ done, total }: Progress): void => {
      // All of them, so that one is hit in the middle of a task.
      if (done > total! / 4) for (const worker of workers.splice(0)) deaths.push(worker.terminate());
    };
    const error = await docs.buildIndex("HNSW-L2", { onProgress }).catch((reason: unknown) => reason);
    expect(deaths.length).toBeGreaterThan(0);
    await Promise.all(deaths);
    expect(error).toMatchObject({
      code: "INTERNAL",
      message: expect.stringMatching(/a worker thread stopped.*call again/),
    });
    expect(await docs.indexMode()).toBe("FLAT-L2-SQ8");
    expect(await indexFolders()).toHaveLength(1);
    expect((await compare(docs, corpus)).recall).toBeGreaterThanOrEqual(0.95);
    await docs.buildIndex("HNSW-L2");
    expect(await docs.indexMode()).toBe("HNSW-L2");
    expect((await compare(docs, corpus)).recall).toBeGreaterThanOrEqual(0.95);
  });

  it("are none where the client has one thread only", async () => {
    await filled();
    await workspace.client.close();
    process.on("worker", listen);
    const client = workspace.place.open({ threads: 1 });
    const docs = (await (await client.getDatabase("app")).getCollection("docs")) as unknown as Docs;
    for (const mode of ["HNSW-L2", "IVF-L2-PQ", "DISKANN-L2", "SPANN-L2"]) {
      await docs.buildIndex(mode);
      expect((await docs.searchProfile(corpus.queries[0]!, { nprobe: 20 })).profile.plan).toBe("index");
    }
    await client.close();
    expect(workers).toEqual([]);
  });
});

/** Milliseconds that this thread has run, where the system tells: what other processes take is not in it. */
function ranMs(): number {
  if (process.platform !== "linux") return performance.now();
  return Number(readFileSync("/proc/self/schedstat", "utf8").split(" ")[0]) / 1e6;
}

describe("while HNSW-L2 is built over 60,000 rows", () => {
  const many = indexCorpus(60_000, 32);

  // Again where the machine was too busy to tell.
  it("the event loop is never held for long, searches are answered and progress arrives", { retry: 2 }, async () => {
    const docs = await filled(many);
    await docs.buildIndex("FLAT-L2");
    const progress: number[] = [];
    let isOver = false;
    const build = docs.buildIndex("HNSW-L2", { onProgress: ({ done }) => void progress.push(done) }).finally(() => {
      isOver = true;
    });
    const delays = monitorEventLoopDelay({ resolution: 5 });
    delays.enable();
    const turns: number[] = [];
    let last = ranMs();
    const timer = setInterval(() => {
      const now = ranMs();
      turns.push(now - last);
      last = now;
    }, 1);
    let answered = 0;
    for (; !isOver; answered++) {
      const found = await docs.search(many.vector((answered * 7919) % many.count), { k: 1 });
      expect(found.distances[0]).toBe(0);
      await wait(10);
    }
    await build;
    clearInterval(timer);
    delays.disable();
    turns.sort((a, b) => b - a);
    expect(turns[1]!, "milliseconds of work in a turn of the loop").toBeLessThan(60);
    // What comes between the turns depends on the machine.
    expect(delays.percentile(90) / 1e6, "milliseconds of delay").toBeLessThan(60);
    expect(answered).toBeGreaterThan(20);
    expect(progress.length).toBeGreaterThan(20);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
  });
});

describe("a build without memory", () => {
  const { grow } = WebAssembly.Memory.prototype;
  afterEach(() => {
    WebAssembly.Memory.prototype.grow = grow;
  });

  it.each([
    "HNSW-L2",
    "IVF-L2",
    "DISKANN-L2",
    "SPANN-L2",
    "FLAT-L2-PQ",
    "FLAT-JACCARD",
  ])("of %s is refused, and the index before it serves", async (mode) => {
    const docs = await filled(indexCorpus(3_000, 64));
    await docs.buildIndex("FLAT-COS-SQ8");
    const query = indexCorpus(3_000, 64).queries[0]!;
    const before = await docs.search(query);
    for (const allowed of [0, 1, 2, 4, 7]) {
      let growths = 0;
      WebAssembly.Memory.prototype.grow = function (this: WebAssembly.Memory, pages: number): number {
        if (growths === allowed) throw new RangeError("WebAssembly.Memory.grow(): Unable to grow instance memory");
        growths += 1;
        return grow.call(this, pages);
      };
      const error = await docs.buildIndex(mode).then(
        () => null,
        (reason: unknown) => reason,
      );
      WebAssembly.Memory.prototype.grow = grow;
      // It needed no more than it was allowed.
      if (error === null) {
        expect(growths).toBeLessThanOrEqual(allowed);
        expect(await docs.indexMode()).toBe(mode);
        return;
      }
      expect(error, `after ${allowed} growths`).toBeInstanceOf(LynseError);
      expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", message: expect.stringMatching(/no memory left/) });
      expect(await docs.indexMode()).toBe("FLAT-COS-SQ8");
      expect(await indexFolders()).toHaveLength(1);
      expect(await docs.search(query)).toEqual(before);
    }
    await docs.buildIndex(mode);
    expect(await docs.indexMode()).toBe(mode);
  });
});
