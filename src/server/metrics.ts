/**
 * What can a monitoring system learn of the server?
 *
 * LynseDB's metrics under their names, and those of what is ours: the event loop, the queue, sessions. Counts of requests
 * are plain fields; everything else is looked up when the metrics are asked for, so that a request costs next to nothing.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Counter, Gauge, Histogram, Registry, Summary } from "prom-client";
import type { VectorDBClient } from "../client/vector-db-client.js";
import type { IndexBuilds } from "./index-builds.js";
import type { OpenedCollections } from "./opened-collections.js";
import type { RequestGate } from "./request-gate.js";
import type { Staging } from "./staging/staging.js";
import { StorageMeter } from "./storage-sizes.js";

/** What the metrics look at. */
export interface MetricSources {
  readonly client: VectorDBClient;
  readonly opened: OpenedCollections;
  readonly builds: IndexBuilds;
  readonly gate: RequestGate;
  readonly staging: Staging;
  /** Null where the data is in memory. */
  readonly folder: string | null;
  connections(): number;
  bodyBytes(): number;
}

const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Requests whose durations the quantiles are taken from. */
const recentMax = 2048;
const quantiles = [0.5, 0.9, 0.99];
/** Distance of two looks at the event loop, milliseconds. */
const loopResolutionMs = 5;
const nanosPerSecond = 1e9;

export class ServerMetrics {
  readonly #registry = new Registry();
  readonly #sources: MetricSources;
  readonly #storage: StorageMeter;
  readonly #loop = monitorEventLoopDelay({ resolution: loopResolutionMs });
  readonly #requests: Counter;
  readonly #byStatus: Counter<"status_class">;
  readonly #errors: Counter;
  readonly #byKind: Counter<"kind">;
  readonly #durations: Histogram;
  readonly #recent = new Float64Array(recentMax);
  #recentCount = 0;

  constructor(sources: MetricSources) {
    this.#sources = sources;
    this.#storage = new StorageMeter(sources.folder);
    const registers = [this.#registry];
    const named = (name: string, help: string) => ({ name: `lynsedb_${name}`, help, registers });
    this.#requests = new Counter(named("http_requests_total", "HTTP requests answered"));
    this.#byStatus = new Counter({
      ...named("http_requests_by_status_total", "HTTP requests by class of status"),
      labelNames: ["status_class"] as const,
    });
    this.#errors = new Counter(named("http_request_errors_total", "HTTP requests answered with an error"));
    this.#byKind = new Counter({
      ...named("http_request_errors_by_kind_total", "Errors by kind"),
      labelNames: ["kind"] as const,
    });
    this.#durations = new Histogram({ ...named("http_request_duration_seconds", "Time of HTTP requests"), buckets });
    for (const status of ["2xx", "3xx", "4xx", "5xx", "other"]) this.#byStatus.inc({ status_class: status }, 0);
    for (const kind of ["client_4xx", "server_5xx", "unauthorized", "handler_failure"]) this.#byKind.inc({ kind }, 0);
    this.#addServerGauges();
    this.#addStorageGauges();
    this.#addBuildGauges();
    this.#addLoopGauges();
    this.#gauge(
      "http_request_duration_seconds_quantile",
      "Time of recent requests",
      (gauge) => {
        const recent = this.#recent.slice(0, Math.min(this.#recentCount, recentMax)).sort();
        for (const quantile of quantiles) {
          const value = recent[Math.ceil(quantile * recent.length) - 1] ?? 0;
          gauge.set({ quantile: String(quantile) }, value);
        }
      },
      ["quantile"],
    );
  }

  /** Counts a request that was answered; `isFailure` for an error that nobody foresaw. */
  countRequest(status: number, seconds: number, isFailure: boolean): void {
    this.#requests.inc();
    this.#durations.observe(seconds);
    this.#recent[this.#recentCount % recentMax] = seconds;
    this.#recentCount += 1;
    const hundreds = Math.floor(status / 100);
    this.#byStatus.inc({ status_class: hundreds >= 2 && hundreds <= 5 ? `${hundreds}xx` : "other" });
    if (status < 400) return;
    this.#errors.inc();
    if (status === 401) this.#byKind.inc({ kind: "unauthorized" });
    else this.#byKind.inc({ kind: status < 500 ? "client_4xx" : "server_5xx" });
    if (isFailure) this.#byKind.inc({ kind: "handler_failure" });
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Begins to watch the event loop: what the start of the process blocks delays no request. */
  watchLoop(): void {
    this.#loop.enable();
  }

  close(): void {
    this.#loop.disable();
  }

  #gauge(name: string, help: string, collect: (gauge: Gauge) => void | Promise<void>, labelNames: string[] = []): void {
    const gauge: Gauge = new Gauge({
      name: `lynsedb_${name}`,
      help,
      labelNames,
      registers: [this.#registry],
      collect: () => collect(gauge),
    });
  }

  #number(name: string, help: string, read: () => number | Promise<number>): void {
    this.#gauge(name, help, async (gauge) => gauge.set(await read()));
  }

  /** A counter whose values by label are kept elsewhere. */
  #counter(name: string, help: string, label: string, read: () => Readonly<Record<string, number>>): void {
    const counter: Counter = new Counter({
      name: `lynsedb_${name}`,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect: () => {
        counter.reset();
        for (const [value, count] of Object.entries(read())) counter.inc({ [label]: value }, count);
      },
    });
  }

  #addServerGauges(): void {
    const { gate, staging, connections, bodyBytes } = this.#sources;
    const startedAt = Date.now() / 1000;
    this.#number("up", "1 while the server answers", () => 1);
    this.#number("server_start_time_seconds", "When the server started, Unix time", () => startedAt);
    this.#number("process_resident_memory_bytes", "Memory of the process", () => process.memoryUsage.rss());
    this.#number("http_connections", "Open connections", connections);
    this.#number("http_requests_running", "Requests that run", () => gate.running);
    this.#number("http_requests_queued", "Requests that wait for others to end", () => gate.queued);
    this.#number("http_body_bytes", "Bytes of request bodies held in memory", bodyBytes);
    this.#number("sessions_open", "Open write sessions", () => staging.counts.open);
    this.#counter("sessions_total", "Write sessions by what became of them", "state", () => {
      const { open: _, ...ends } = staging.counts;
      return ends;
    });
  }

  #addStorageGauges(): void {
    const { client, opened } = this.#sources;
    this.#number(
      "open_databases_total",
      "Databases with an open collection",
      async () => (await opened.count()).databases,
    );
    this.#number("open_collections_total", "Open collections", async () => (await opened.count()).collections);
    this.#number("databases_total", "Databases", async () => (await client.listDatabases()).length);
    this.#number("collections_total", "Collections of all databases", async () => {
      let count = 0;
      for (const name of await client.listDatabases()) {
        const database = await client.getDatabase(name).catch(() => null);
        count += (await database?.listCollections().catch(() => []))?.length ?? 0;
      }
      return count;
    });
    this.#number("storage_disk_bytes", "Bytes of the data directory", async () => (await this.#storage.sizes()).disk);
    this.#number("storage_wal_bytes", "Bytes of commit logs", async () => (await this.#storage.sizes()).wal);
    this.#number("storage_index_bytes", "Bytes of indexes", async () => (await this.#storage.sizes()).index);
  }

  #addBuildGauges(): void {
    const { builds } = this.#sources;
    this.#number("index_builds_in_progress", "Index builds that run", () => builds.running);
    this.#number("index_build_current_vectors", "Vectors of the builds that run", () => builds.runningVectors);
    this.#number("index_build_last_vectors", "Vectors of the last build", () => builds.last?.vectors ?? 0);
    this.#number("index_build_last_duration_seconds", "Time of the last build", () => builds.last?.seconds ?? 0);
    this.#gauge(
      "index_build_progress_ratio",
      "Share of the vectors that is done, of the builds that run and of the last one that ended",
      (gauge) => {
        gauge.set({ scope: "current" }, builds.runningRatio);
        gauge.set({ scope: "last" }, builds.last?.ratio ?? 0);
      },
      ["scope"],
    );
    this.#counter("index_builds_total", "Index builds by state", "status", () => builds.counts);
    const times = new Summary({
      ...{ name: "lynsedb_index_build_duration_seconds", help: "Time of builds that ended" },
      ...{ percentiles: [], registers: [this.#registry] },
    });
    builds.onEnded((build) => times.observe(build.seconds));
  }

  #addLoopGauges(): void {
    const loop = this.#loop;
    // The histogram counts the time between two of its own looks: what is above their distance is delay.
    const seconds = (nanos: number): number =>
      Number.isFinite(nanos) ? Math.max(0, nanos / nanosPerSecond - loopResolutionMs / 1000) : 0;
    this.#gauge(
      "event_loop_delay_seconds",
      "Delay of the event loop since the last look",
      (gauge) => {
        for (const quantile of quantiles)
          gauge.set({ quantile: String(quantile) }, seconds(loop.percentile(quantile * 100)));
        gauge.set({ quantile: "1" }, seconds(loop.max));
        loop.reset();
      },
      ["quantile"],
    );
  }
}
