/**
 * Workload: what does the server cost, and how much does it take?
 *
 * `lynse serve` in a process of its own on this machine, over loopback: the rows come in through our remote client, an
 * HNSW index is built, and 1, 8 and 32 clients search in closed loops, through the remote client and through plain fetch.
 * The clients share the machine with the server. Then the same searches on the same files in this process: the difference
 * of the medians is what HTTP adds. Fetch and client take turns, so that both meet the same load of the machine.
 */
import { join } from "node:path";
import type { BenchContext } from "../bench-context.js";
import { closedLoop, type LoopFigures } from "../closed-loop.js";
import { clientOf, type RemoteClient, type RemoteCollection } from "../remote-client.js";
import type { Measurement, WorkloadReport } from "../report.js";
import { rowBatches } from "../row-batches.js";
import { ServerProcess } from "../server-process.js";
import { median } from "../statistics.js";

const clientCounts = [1, 8, 32] as const;
const index = "HNSW-IP";
/** Requests of one loop: six loops a round. */
const requestsOfLoop = 5_000;
const quickRequestsOfLoop = 300;
const warmUpRequests = 500;

/** What the loops of one kind and number of clients gave. */
type Runs = Map<string, (LoopFigures & { readonly cpuUs: number })[]>;

export async function measureHttp(context: BenchContext): Promise<WorkloadReport> {
  const { packageDirectory, scratch, rounds, isQuick, k } = context.settings;
  const { queries, files } = context.corpus;
  const { dim } = files;
  const VectorDBClient = await clientOf(packageDirectory);
  const directory = join(scratch, "http");
  const server = await ServerProcess.start(packageDirectory, directory);
  const queryOf = (turn: number): Float32Array => {
    const at = (turn % files.queryCount) * dim;
    return queries.subarray(at, at + dim);
  };
  const open = async (uri: string): Promise<{ client: RemoteClient; collection: RemoteCollection }> => {
    const client = new VectorDBClient(uri);
    const database = await client.createDatabase("bench");
    return { client, collection: await database.requireCollection("rows", { dim }) };
  };
  try {
    const { client, collection } = await open(server.url);
    const rowsPerSecond = await ingest(context, collection);
    await collection.buildIndex(index);
    const byFetch = fetchSearch(server.url, queryOf, k);
    const byClient = (turn: number): Promise<unknown> => collection.search(queryOf(turn), { k });
    const requests = isQuick ? quickRequestsOfLoop : requestsOfLoop;
    for (const ask of [byClient, byFetch]) await closedLoop(8, warmUpRequests, ask);
    const memory = [server.residentMiB()];
    const runs: Runs = new Map();
    for (let round = 0; round < rounds; round += 1) {
      for (const clients of clientCounts) {
        for (const [kind, ask] of [
          ["client", byClient],
          ["fetch", byFetch],
        ] as const) {
          const before = server.cpuSeconds();
          const figures = await closedLoop(clients, requests, ask);
          const cpuUs = ((server.cpuSeconds() - before) * 1e6) / requests;
          const name = `${kind} × ${clients}`;
          runs.set(name, [...(runs.get(name) ?? []), { ...figures, cpuUs }]);
        }
      }
      memory.push(server.residentMiB());
    }
    const loopDelayMaxMs = await longestBlockMs(server.url);
    await client.close();
    await server.stop();
    const localP50Ms = await measureLocal(open, directory, requests, (turn) => queryOf(turn), k);
    return report({ runs, memory, rowsPerSecond, localP50Ms, loopDelayMaxMs, requests, rounds });
  } finally {
    await server.stop();
  }
}

/** Rows a second; batches are prepared before the clock runs. */
async function ingest(context: BenchContext, collection: RemoteCollection): Promise<number> {
  const { files } = context.corpus;
  let ms = 0;
  for await (const { firstId, count, vectors, fields } of rowBatches(files, context.settings.batchRows)) {
    const ids = Array.from({ length: count }, (_, row) => firstId + row);
    const startedAt = performance.now();
    await collection.add({ ids, vectors: { data: vectors, dim: files.dim }, fields });
    ms += performance.now() - startedAt;
  }
  return (files.rowCount / ms) * 1000;
}

/** A search as a program without our client would send it. */
function fetchSearch(url: string, queryOf: (turn: number) => Float32Array, k: number) {
  const headers = { "content-type": "application/json" };
  return async (turn: number): Promise<unknown> => {
    const body = { database_name: "bench", collection_name: "rows", vector: Array.from(queryOf(turn)), k };
    const response = await fetch(`${url}/search`, { method: "POST", headers, body: JSON.stringify(body) });
    if (response.status !== 200) throw new Error(`/search answered ${response.status}: ${await response.text()}`);
    return await response.json();
  };
}

async function longestBlockMs(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = /^lynsedb_event_loop_delay_seconds\{quantile="1"\} (\S+)$/m.exec(text)?.[1];
  return value === undefined ? Number.NaN : Number(value) * 1000;
}

async function measureLocal(
  open: (uri: string) => Promise<{ client: RemoteClient; collection: RemoteCollection }>,
  directory: string,
  requests: number,
  queryOf: (turn: number) => Float32Array,
  k: number,
): Promise<number> {
  const { client, collection } = await open(directory);
  try {
    const ask = (turn: number): Promise<unknown> => collection.search(queryOf(turn), { k });
    await closedLoop(1, warmUpRequests, ask);
    return (await closedLoop(1, requests, ask)).p50Ms;
  } finally {
    await client.close();
  }
}

interface HttpFigures {
  readonly runs: Runs;
  readonly memory: readonly number[];
  readonly rowsPerSecond: number;
  readonly localP50Ms: number;
  readonly loopDelayMaxMs: number;
  readonly requests: number;
  readonly rounds: number;
}

function report(found: HttpFigures): WorkloadReport {
  const { runs, memory, rowsPerSecond, localP50Ms, loopDelayMaxMs, requests, rounds } = found;
  const measurements: Measurement[] = [];
  for (const [engine, figures] of runs) {
    const middle = (key: keyof (typeof figures)[number]): number => median(figures.map((run) => run[key]));
    const keys = ["requestsPerSecond", "p50Ms", "p95Ms", "p99Ms", "maxMs", "cpuUs"] as const;
    const values = Object.fromEntries(keys.map((key) => [key, middle(key)]));
    measurements.push({ engine, role: "ours", figures: values, isComparable: true, note: "" });
  }
  const figureOf = (engine: string, key: string): number =>
    measurements.find((measurement) => measurement.engine === engine)?.figures[key] ?? Number.NaN;
  const p50Ms = figureOf("client × 1", "p50Ms");
  const total = requests * rounds * runs.size;
  const [memoryBefore, memoryAfter] = [memory[0]!, memory.at(-1)!];
  return {
    workload: "http",
    title: `search over HTTP, loopback, ${index}`,
    columns: [
      { key: "requestsPerSecond", label: "requests/s", digits: 0 },
      { key: "p50Ms", label: "p50 ms", digits: 3 },
      { key: "p95Ms", label: "p95 ms", digits: 3 },
      { key: "p99Ms", label: "p99 ms", digits: 3 },
      { key: "maxMs", label: "max ms", digits: 1 },
      { key: "cpuUs", label: "server µs/request", digits: 0 },
    ],
    primary: "requestsPerSecond",
    better: "higher",
    measurements,
    absences: [],
    facts: {
      p50Ms,
      requestsPerSecond: Math.max(...measurements.map(({ figures }) => figures["requestsPerSecond"] ?? 0)),
      overheadMs: p50Ms - localP50Ms,
      rowsPerSecond,
      loopDelayMaxMs,
    },
    notes: [
      `the same searches in this process: p50 ${localP50Ms.toFixed(3)} ms; HTTP adds ${(p50Ms - localP50Ms).toFixed(3)} ms`,
      `ingest through the remote client: ${Math.round(rowsPerSecond).toLocaleString("en")} rows/s`,
      `server's memory before and after ${total.toLocaleString("en")} requests: ${memoryBefore.toFixed(0)} and ` +
        `${memoryAfter.toFixed(0)} MiB; longest block of its event loop since the last look: ${loopDelayMaxMs.toFixed(1)} ms`,
    ],
  };
}
