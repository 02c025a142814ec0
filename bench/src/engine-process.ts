/**
 * What does the process of one engine do?
 *
 * The benchmark's only child program. It loads one engine and does what the parent asks, one request at a time; every
 * clock runs in here. It reads the queries but never the corpus, except while inserting, so that its resident memory is
 * the engine's own. Without a `load` request it is the empty process that memory is compared with.
 */
import { readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import type { CorpusFiles } from "./corpus.js";
import type { Hits, LoadedEngine, RowFilter, Store, StoreShape } from "./engine.js";
import { IndexSession } from "./engine-index.js";
import { engineById } from "./engine-list.js";
import type {
  BuildFigures,
  EngineReply,
  EngineRequest,
  IndexedStoreRequest,
  IngestFigures,
  MemoryFigures,
  OpenFigures,
  Round,
  TextStoreRequest,
} from "./engine-requests.js";
import { SparseSession } from "./engine-sparse.js";
import { TextSession } from "./engine-text.js";
import { filterField } from "./filter-field.js";
import { readFloats } from "./read-floats.js";
import { rowBatches } from "./row-batches.js";

interface Session {
  id: string;
  engine: LoadedEngine | null;
  indexed: IndexSession | null;
  text: TextSession | null;
  sparse: SparseSession | null;
  store: Store | null;
  files: CorpusFiles | null;
  queries: Float32Array[];
  filter: RowFilter | null;
}

const session: Session = {
  id: "",
  engine: null,
  indexed: null,
  text: null,
  sparse: null,
  store: null,
  files: null,
  queries: [],
  filter: null,
};

function shapeOf(files: CorpusFiles): StoreShape {
  return { dim: files.dim, rowsMax: files.rowCount, columns: files.columns, filterField };
}

function loaded(): LoadedEngine {
  if (session.engine === null) throw new Error("no engine is loaded");
  return session.engine;
}

function opened(): Store {
  if (session.store === null) throw new Error("no store is open");
  return session.store;
}

async function load(id: string, packageDirectory: string): Promise<{ version: string; loadMs: number }> {
  const startedAt = performance.now();
  session.engine = await engineById(id).load(packageDirectory);
  session.id = id;
  return { version: session.engine.version, loadMs: performance.now() - startedAt };
}

/** Inserts all rows. Only the inserts are timed: reading and parsing rows happen between them. */
async function ingest(directory: string, files: CorpusFiles, batchRows: number): Promise<IngestFigures> {
  const store = await loaded().create(directory, shapeOf(files));
  const batchMs: number[] = [];
  const delay = monitorEventLoopDelay({ resolution: 1 });
  for await (const batch of rowBatches(files, batchRows)) {
    if (batchMs.length === 0) delay.enable();
    const startedAt = performance.now();
    await store.insert(batch);
    batchMs.push(performance.now() - startedAt);
    await nextTurn();
  }
  delay.disable();
  const settledAt = performance.now();
  await store.settle();
  const settleMs = performance.now() - settledAt;
  const memory = memoryNow();
  const closedAt = performance.now();
  await store.close();
  const closeMs = performance.now() - closedAt;
  return { rows: files.rowCount, batchMs, settleMs, closeMs, longestBlockMs: delay.max / 1e6, memory };
}

/** The pauses of the inserting loop itself, with nothing inserted. */
async function idleLoop(files: CorpusFiles, batchRows: number): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  for await (const _ of rowBatches(files, batchRows)) await nextTurn();
  delay.disable();
  return delay.max / 1e6;
}

async function open(directory: string, files: CorpusFiles): Promise<OpenFigures> {
  readQueries(files);
  const startedAt = performance.now();
  session.store = await loaded().open(directory, shapeOf(files));
  const openedAt = performance.now();
  await session.store.search(session.queries[0]!, 10);
  return { openMs: openedAt - startedAt, firstQueryMs: performance.now() - openedAt };
}

function readQueries(files: CorpusFiles): void {
  const all = readFloats(files.queriesFile);
  session.files = files;
  session.queries = Array.from({ length: files.queryCount }, (_, query) =>
    all.slice(query * files.dim, (query + 1) * files.dim),
  );
}

function beginIndex({ files, variant }: IndexedStoreRequest): IndexSession {
  const known = engineById(session.id).variants.find(({ id }) => id === variant);
  if (known === undefined) throw new Error(`${session.id} has no variant ${variant}`);
  readQueries(files);
  session.indexed = new IndexSession(loaded(), known, session.queries);
  return session.indexed;
}

function buildIndex(request: IndexedStoreRequest): Promise<BuildFigures> {
  return beginIndex(request).build(request, memoryNow);
}

function indexed(): IndexSession {
  if (session.indexed === null) throw new Error("no indexed store is open");
  return session.indexed;
}

function textSession(): TextSession {
  session.text ??= new TextSession(loaded());
  return session.text;
}

function sparseSession(): SparseSession {
  session.sparse ??= new SparseSession(loaded());
  return session.sparse;
}

function openText(request: TextStoreRequest): Promise<void> {
  readQueries(request.files);
  return textSession().open(request);
}

/** Closes whatever store is open. */
async function close(): Promise<void> {
  const open = session.indexed ?? session.text ?? session.sparse ?? opened();
  await open.close();
}

function filterOf(): RowFilter {
  const { files } = session;
  if (files === null) throw new Error("no store is open");
  session.filter ??= {
    field: filterField,
    value: files.filterValue,
    matches: new Uint8Array(readFileSync(files.matchesFile)),
  };
  return session.filter;
}

/** All queries once, one at a time. */
async function searchRound(k: number, isFiltered: boolean, warmUps: number): Promise<Round> {
  const store = opened();
  const { queries } = session;
  const filter = isFiltered ? filterOf() : null;
  const ms = new Float64Array(queries.length);
  const hits: Hits[] = [];
  for (let turn = -warmUps; turn < queries.length; turn += 1) {
    const query = queries[turn < 0 ? queries.length + turn : turn]!;
    const startedAt = performance.now();
    const found = await (filter === null ? store.search(query, k) : store.searchFiltered(query, k, filter));
    const took = performance.now() - startedAt;
    if (turn < 0) continue;
    ms[turn] = took;
    hits.push(found);
  }
  return { ms, hits: hits.map((found) => Float64Array.from(found)) };
}

/** All queries in one call, several times. */
async function batchRound(k: number, repeats: number): Promise<Round> {
  const store = opened();
  const { queries } = session;
  const dim = queries[0]!.length;
  const all = new Float32Array(queries.length * dim);
  for (const [index, query] of queries.entries()) all.set(query, index * dim);
  const ms = new Float64Array(repeats);
  let hits: readonly Hits[] = [];
  for (let turn = 0; turn < repeats; turn += 1) {
    const startedAt = performance.now();
    hits = await store.searchBatch(all, k);
    ms[turn] = performance.now() - startedAt;
  }
  return { ms, hits: hits.map((found) => Float64Array.from(found)) };
}

function memoryNow(): MemoryFigures {
  if (process.platform !== "linux") {
    const residentBytes = process.memoryUsage.rss();
    return { residentBytes, anonymousBytes: residentBytes, peakBytes: process.resourceUsage().maxRSS * 1024 };
  }
  const status = readFileSync("/proc/self/status", "utf8");
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1024;
  return {
    residentBytes: bytes("VmRSS"),
    anonymousBytes: bytes("RssAnon") + bytes("RssShmem"),
    peakBytes: bytes("VmHWM"),
  };
}

/** Resident memory once garbage is collected and the allocators have come to rest. */
async function restedMemory(): Promise<MemoryFigures> {
  for (let turn = 0; turn < 3; turn += 1) {
    globalThis.gc?.();
    await pause(50);
  }
  return memoryNow();
}

async function answer(request: EngineRequest): Promise<unknown> {
  switch (request.ask) {
    case "load":
      return load(request.engine, request.packageDirectory);
    case "ingest":
      return ingest(request.directory, request.files, request.batchRows);
    case "idleLoop":
      return idleLoop(request.files, request.batchRows);
    case "open":
      return open(request.directory, request.files);
    case "search":
      return searchRound(request.k, request.isFiltered, request.warmUps);
    case "batch":
      return batchRound(request.k, request.repeats);
    case "buildIndex":
      return buildIndex(request);
    case "openIndex":
      return beginIndex(request).open(request);
    case "sweep":
      return indexed().sweep(request.k, request.effort, request.isFiltered ? filterOf() : null);
    case "ingestText":
      return textSession().ingest(request.directory, request.files, request.batchRows);
    case "openText":
      return openText(request);
    case "searchText":
      return textSession().search(request.kind, request.k, request.candidates, session.queries, filterOf());
    case "textIndexBytes":
      return textSession().indexBytes();
    case "ingestSparse":
      return sparseSession().ingest(request.directory, request.data, request.batchRows);
    case "searchSparse":
      return sparseSession().search(request.k);
    case "memory":
      return restedMemory();
    case "close":
      return close();
  }
}

process.on("message", (request: EngineRequest) => {
  answer(request).then(
    (value) => reply({ value }),
    (error: unknown) => reply({ error: error instanceof Error ? error.message : String(error) }),
  );
});

function reply(message: EngineReply): void {
  process.send?.(message);
}
