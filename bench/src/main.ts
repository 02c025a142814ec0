/**
 * The benchmark: which engines, which workloads, one table and one JSON file.
 *
 * `docs/internals/benchmarks.md` says how each figure is measured and what is fair to whom.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BenchContext } from "./bench-context.js";
import { writeClusteredCorpus } from "./clustered-rows.js";
import { type Corpus, loadCorpus } from "./corpus.js";
import { curveSvg } from "./curve-svg.js";
import type { Engine, WorkloadName } from "./engine.js";
import { EngineClient } from "./engine-client.js";
import { engineById } from "./engine-list.js";
import { describeMachine, loadNow } from "./machine.js";
import { type BenchOptions, parseOptions, usage } from "./options.js";
import { reportText } from "./print-report.js";
import { type Absence, ratioToBestPeer, type WorkloadReport } from "./report.js";
import { ScaleData } from "./scale-data.js";
import { judge } from "./targets.js";
import { measureBatch } from "./workloads/batch.js";
import { measureBudget } from "./workloads/budget.js";
import { measureBuild } from "./workloads/build.js";
import { measureDisk } from "./workloads/disk.js";
import { measureDiskann } from "./workloads/diskann.js";
import { measureExact } from "./workloads/exact.js";
import { measureFiltered } from "./workloads/filtered.js";
import { measureFilteredHnsw } from "./workloads/filtered-hnsw.js";
import { measureHnsw } from "./workloads/hnsw.js";
import { measureHttp } from "./workloads/http.js";
import { measureHybrid } from "./workloads/hybrid.js";
import { measureIngest } from "./workloads/ingest.js";
import { measureIngestText } from "./workloads/ingest-text.js";
import { measureIvf } from "./workloads/ivf.js";
import { measureMemory } from "./workloads/memory.js";
import { measureQuantized } from "./workloads/quantized.js";
import { measureReopen } from "./workloads/reopen.js";
import { measureScale, quickSizes, sizes } from "./workloads/scale.js";
import { measureSparse } from "./workloads/sparse.js";
import { measureText } from "./workloads/text.js";
import { measureTextFiltered } from "./workloads/text-filtered.js";

const workloads: Readonly<Record<WorkloadName, (context: BenchContext) => Promise<WorkloadReport>>> = {
  ingest: measureIngest,
  disk: measureDisk,
  reopen: measureReopen,
  memory: measureMemory,
  budget: measureBudget,
  exact: measureExact,
  filtered: measureFiltered,
  batch: measureBatch,
  build: measureBuild,
  hnsw: measureHnsw,
  "filtered-hnsw": measureFilteredHnsw,
  ivf: measureIvf,
  diskann: measureDiskann,
  quantized: measureQuantized,
  "ingest-text": measureIngestText,
  text: measureText,
  "text-filtered": measureTextFiltered,
  hybrid: measureHybrid,
  sparse: measureSparse,
  http: measureHttp,
  scale: measureScale,
};

/** Workloads that ask the same processes, which stay between them; all others want the machine to themselves. */
const company: Partial<Record<WorkloadName, string>> = {
  exact: "flat",
  filtered: "flat",
  batch: "flat",
  build: "graphs",
  hnsw: "graphs",
  "filtered-hnsw": "graphs",
  text: "text",
  "text-filtered": "text",
  hybrid: "text",
};

const resultsDirectory = fileURLToPath(new URL("../results", import.meta.url));
const syntheticRows = 50_000;
const quickSyntheticRows = 5_000;
const batchRows = 1_000;
const k = 10;

interface PresentEngine {
  readonly engine: Engine;
  readonly version: string;
}

async function presentEngines(options: BenchOptions, packageDirectory: string) {
  const present: PresentEngine[] = [];
  const absent: Absence[] = [];
  for (const id of options.engines) {
    const client = new EngineClient();
    try {
      const { version } = await client.load(id, packageDirectory);
      present.push({ engine: engineById(id), version });
    } catch (error) {
      absent.push({ engine: id, reason: (error instanceof Error ? error.message : String(error)).split("\n")[0]! });
    } finally {
      await client.stop();
    }
  }
  return { present, absent };
}

function prepareCorpus(options: BenchOptions, scratch: string): Corpus {
  let directory = options.corpus;
  if (directory === null) {
    directory = join(scratch, "synthetic");
    const rows = options.isQuick ? quickSyntheticRows : syntheticRows;
    writeClusteredCorpus(directory, options.name, options.dim, rows, options.seed);
  }
  return loadCorpus({ directory, name: options.name, dim: options.dim }, scratch, options.queries, options.seed);
}

async function run(options: BenchOptions, scratch: string): Promise<void> {
  const startedAt = performance.now();
  const machine = describeMachine();
  const packageDirectory = options.packageDirectory ?? fileURLToPath(new URL("../../dist", import.meta.url));
  const corpus = prepareCorpus(options, scratch);
  const { present, absent } = await presentEngines(options, packageDirectory);
  const { dim, rowCount } = corpus.files;
  const machineLine =
    `${options.queries} queries, ${options.rounds} rounds; ${machine.cores} × ${machine.cpu}, Node ${machine.node}, ` +
    `load ${machine.loadAtStart.toFixed(2)}`;
  print(`${corpus.name}: ${rowCount.toLocaleString("en")} rows × ${dim}, ${machineLine}\n`);
  for (const { engine, version } of present) print(`  ${engine.id} ${version}: ${engine.method}\n`);
  for (const { engine, reason } of absent) print(`  absent: ${engine}: ${reason}\n`);
  const settings = { k, rounds: options.rounds, batchRows, isQuick: options.isQuick, scratch, packageDirectory };
  const indexedRows = options.isScaleIndexed ? (options.isQuick ? quickSizes : sizes).at(-1)! : null;
  const scale = new ScaleData({
    ...settings,
    scratch: join(scratch, "scale"),
    dim: 128,
    seed: options.seed,
    indexedRows,
  });
  const engines = present.map(({ engine }) => engine);
  const context = new BenchContext(corpus, settings, engines, scale);
  const reports = [];
  let companyNow: string | undefined;
  for (const [name, measure] of Object.entries(workloads) as [WorkloadName, (typeof workloads)[WorkloadName]][]) {
    if (!options.workloads.includes(name)) continue;
    if (companyNow === undefined || company[name] !== companyNow) await context.stopSearchers();
    companyNow = company[name];
    const workloadStartedAt = performance.now();
    const report = await measure(context);
    const verdicts = judge(report, { name: corpus.name, dim });
    print(`\n${reportText(report, verdicts)}`);
    const seconds = (performance.now() - workloadStartedAt) / 1000;
    const loadAtEnd = loadNow();
    if (report.curves !== undefined) {
      const title = `${report.title}, ${corpus.name} ${rowCount.toLocaleString("en")} × ${dim}`;
      writeFileSync(
        resultFile(corpus.name, `-${name}.svg`),
        curveSvg({ title, machine: machineLine, curves: report.curves }),
      );
    }
    reports.push({ ...report, ratioToBestPeer: ratioToBestPeer(report), verdicts, seconds, loadAtEnd });
  }
  await context.stopSearchers();
  const seconds = (performance.now() - startedAt) / 1000;
  // A run of some workloads leaves the result of a whole run alone.
  const part = options.workloadsAsked === "" ? "" : `-${options.workloadsAsked}`;
  const file = resultFile(corpus.name, `${part}.json`);
  const facts = { name: corpus.name, rows: rowCount, dim, queries: options.queries, filterMatches: corpus.matchCount };
  const versions = present.map(({ engine, version }) => ({
    engine: engine.id,
    version,
    durability: engine.durability,
  }));
  const result = {
    measuredAt: new Date().toISOString(),
    machine,
    corpus: { ...facts, vectorBytes: corpus.vectorBytes, jsonBytes: corpus.jsonBytes },
    options: { rounds: options.rounds, seed: options.seed, isQuick: options.isQuick },
    engines: versions,
    absent,
    seconds,
    workloads: reports,
  };
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  print(`\n${seconds.toFixed(0)} s in all; written to ${file}\n`);
}

/** `results/<date>-<name><ending>`. */
function resultFile(name: string, ending: string): string {
  return join(resultsDirectory, `${new Date().toISOString().slice(0, 10)}-${name}${ending}`);
}

function print(text: string): void {
  process.stdout.write(text);
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (options.isHelp) {
    print(usage);
    return;
  }
  // On the disk of the checkout: a temporary directory may be memory, where nothing costs what it costs on a disk.
  mkdirSync(join(resultsDirectory, "tmp"), { recursive: true });
  const scratch = mkdtempSync(join(resultsDirectory, "tmp", "run-"));
  const clean = (): void => rmSync(scratch, { recursive: true, force: true });
  process.once("SIGINT", () => {
    EngineClient.stopAll().finally(() => {
      clean();
      process.exit(130);
    });
  });
  try {
    await run(options, scratch);
  } finally {
    await EngineClient.stopAll();
    clean();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exitCode = 1;
});
