/**
 * How is a server started and stopped?
 *
 * `createServer` opens the data and builds the app; `listen` accepts requests; `close` stops accepting, lets what runs
 * finish for a bounded time, undoes what was staged, and closes the data with a checkpoint. Usable from any program:
 * nothing is read from the environment and nothing is logged unless asked for.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { FastifyInstance } from "fastify";
import { type Logger, pino } from "pino";
import { VectorDBClient } from "../client/vector-db-client.js";
import type { EmbedFunction } from "../embed/embedder.js";
import { hashEmbedder } from "../embed/hash-embedder.js";
import type { Quotas } from "../engine/quotas.js";
import { LynseError } from "../errors.js";
import { allRoutes } from "./all-routes.js";
import type { ApiKeys } from "./api-keys.js";
import { createHttpApp } from "./http-app.js";
import { IndexBuilds } from "./index-builds.js";
import { ServerMetrics } from "./metrics.js";
import { OpenedCollections } from "./opened-collections.js";
import { BodyBudget } from "./read-body.js";
import { RequestGate } from "./request-gate.js";
import { RequestLog } from "./request-log.js";
import { RequestRunner } from "./request-runner.js";
import { readKeys, readTls, type TlsFiles } from "./server-files.js";
import { type ServerOptions, type ServerSettings, settingsOfOptions } from "./server-options.js";
import type { ServerLimits, ServerState } from "./server-state.js";
import { Staging } from "./staging/staging.js";

export { type Route, type RouteContext, route } from "./route.js";
export type { LogDestination, ServerOptions } from "./server-options.js";
export type { ServerState } from "./server-state.js";

const memoryScheme = "memory://";
const bytesPerMiB = 1024 * 1024;
/** Bytes of log lines that wait for a slow reader; more are dropped. */
const logBytesMax = 16 * 1024 * 1024;
/** Time between two looks at whether the running requests have finished, milliseconds. */
const finishLookMs = 20;

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  readonly version: string;
};

/** Opens the data and makes a server that does not listen yet. */
export function createServer(options: ServerOptions = {}): Promise<LynseServer> {
  return createServerOf(settingsOfOptions(options), options);
}

/** The parts of the options that are no text. */
type GivenObjects = Pick<ServerOptions, "client" | "log" | "embed" | "routes">;

/** The same, of settings that were gathered from elsewhere. */
export async function createServerOf(settings: ServerSettings, given: GivenObjects = {}): Promise<LynseServer> {
  const keys = await readKeys(settings);
  checkHost(settings, keys);
  const tls = await readTls(settings);
  const client = given.client ?? openClient(settings);
  try {
    // Opens the folder: one that is locked or damaged is found now and not by the first request.
    await client.listDatabases();
    return await assemble(settings, given, client, keys, tls);
  } catch (error) {
    if (given.client === undefined) await client.close();
    throw error;
  }
}

/** What a running server is made of. */
interface ServerParts {
  readonly settings: ServerSettings;
  readonly client: VectorDBClient;
  /** True where the server closes the client. */
  readonly ownsClient: boolean;
  readonly app: FastifyInstance;
  readonly phase: { isStopping: boolean };
  readonly gate: RequestGate;
  readonly runner: RequestRunner;
  readonly metrics: ServerMetrics;
  readonly staging: Staging;
  readonly logger: Logger;
}

export class LynseServer implements AsyncDisposable {
  readonly #parts: ServerParts;
  #url: URL | null = null;
  #closing: Promise<void> | null = null;

  /** @internal Use `createServer`. */
  constructor(parts: ServerParts) {
    this.#parts = parts;
  }

  /** The Fastify app: for requests without a socket, and for routes of your own, added before `listen`. */
  get app(): FastifyInstance {
    return this.#parts.app;
  }

  /** Where the server listens; null before `listen`. */
  get url(): URL | null {
    return this.#url;
  }

  /** Begins to accept requests; resolves to the server's address. */
  async listen(): Promise<URL> {
    const { app, settings, metrics, logger } = this.#parts;
    const { host, port } = settings;
    if (this.#closing !== null) throw new LynseError("CLOSED", "the server was closed; make a new one");
    try {
      await app.listen({ host, port });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new LynseError("IO_ERROR", `cannot listen on ${host}:${port} (${reason})`, { host, port }, error);
    }
    metrics.watchLoop();
    const address = app.server.address();
    const listeningPort = typeof address === "object" && address !== null ? address.port : port;
    const scheme = settings.tls_cert === null ? "http" : "https";
    this.#url = new URL(`${scheme}://${host.includes(":") ? `[${host}]` : host}:${listeningPort}`);
    logger.info({ event: "listening", url: this.#url.href });
    return this.#url;
  }

  /** Stops: no new requests, then the end of those that run, then of the data. Again: the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const { app, settings, phase, gate, runner, metrics, staging, client, ownsClient, logger } = this.#parts;
    phase.isStopping = true;
    logger.info({ event: "stopping", running: gate.running, queued: gate.queued });
    const closed = app.close();
    const deadline = performance.now() + settings.shutdown_grace_secs * 1000;
    while (runner.open > 0 && performance.now() < deadline) await wait(finishLookMs);
    if (runner.open > 0) logger.warn({ event: "stopping", abandoned: runner.open });
    runner.abortAll(new LynseError("UNAVAILABLE", "the server is stopping; try again later"));
    app.server.closeAllConnections();
    await closed;
    runner.close();
    await staging.close();
    metrics.close();
    if (ownsClient) await client.close();
    logger.info({ event: "stopped" });
  }
}

async function assemble(
  settings: ServerSettings,
  given: GivenObjects,
  client: VectorDBClient,
  keys: ApiKeys,
  tls: TlsFiles | null,
): Promise<LynseServer> {
  const logger = makeLogger(settings, given);
  const gate = new RequestGate(settings.max_running, settings.max_queued);
  const runner = new RequestRunner(gate, logger, settings.request_timeout_secs * 1000);
  const staging = new Staging({ idleMs: settings.session_idle_secs * 1000, sessionsMax: settings.max_sessions });
  const builds = new IndexBuilds();
  const opened = new OpenedCollections(client);
  const limits = limitsOf(settings);
  // Two of the largest bodies: more at a time would not fit the memory of a small machine.
  const budget = new BodyBudget(2 * Math.max(limits.jsonLimitBytes, limits.payloadLimitBytes));
  const folder = client.uri === memoryScheme ? null : resolve(client.uri);
  const phase = { isStopping: false };
  let connections = 0;
  const metrics = new ServerMetrics({
    client,
    opened,
    builds,
    gate,
    staging,
    folder,
    connections: () => connections,
    bodyBytes: () => budget.bytes,
  });
  const state: ServerState = {
    client,
    limits,
    staging,
    opened,
    builds,
    embed: embedderOf(settings, given),
    snapshotDir: settings.snapshot_dir,
    version,
    rootPath: folder ?? memoryScheme,
    get isStopping() {
      return phase.isStopping;
    },
    openApi: () => app.swagger(),
    metricsText: () => metrics.text(),
  };
  const log = new RequestLog(logger, { isAuditing: settings.audit_log, slowMs: settings.slow_query_warn_ms });
  const app = await createHttpApp({
    settings,
    state,
    routes: [...allRoutes, ...(given.routes ?? [])],
    keys,
    runner,
    budget,
    metrics,
    log,
    logger,
    tls,
  });
  app.server.on("connection", (socket) => {
    connections += 1;
    socket.once("close", () => {
      connections -= 1;
    });
  });
  const ownsClient = given.client === undefined;
  return new LynseServer({ settings, client, ownsClient, app, phase, gate, runner, metrics, staging, logger });
}

function openClient(settings: ServerSettings): VectorDBClient {
  const { data_dir, read_only: readOnly, threads, memory_budget: memoryBudget } = settings;
  const openCollectionsMax = settings.open_collections;
  const following = settings.follow ? { follow: true, followIntervalMs: settings.follow_interval_ms } : {};
  const budget = memoryBudget === null ? {} : { memoryBudget };
  const quotas = quotasOf(settings);
  return new VectorDBClient(data_dir ?? undefined, {
    readOnly,
    threads,
    quotas,
    openCollectionsMax,
    ...budget,
    ...following,
  });
}

/** The limits that hold for what a commit would leave, buffered rows included. */
function quotasOf(settings: ServerSettings): Quotas {
  return {
    ...(settings.max_collection_vectors > 0 ? { rowsMax: settings.max_collection_vectors } : {}),
    ...(settings.max_collection_bytes > 0 ? { bytesMax: settings.max_collection_bytes } : {}),
    ...(settings.max_collections > 0 ? { collectionsMax: settings.max_collections } : {}),
    ...(settings.max_databases > 0 ? { databasesMax: settings.max_databases } : {}),
  };
}

function makeLogger({ log_level: level }: ServerSettings, { log }: GivenObjects): Logger {
  const options = { level, base: null, formatters: { level: (label: string) => ({ level: label }) } };
  if (log !== undefined) return pino(options, log);
  const output = pino.destination({ dest: process.stdout.fd, sync: false, maxLength: logBytesMax });
  // Nobody reads the log any more: the server goes on without.
  output.on("error", () => {});
  return pino(options, output);
}

function embedderOf({ embed }: ServerSettings, given: GivenObjects): EmbedFunction | null {
  if (typeof given.embed === "function") return given.embed;
  if (embed === null) return null;
  const dim = embed.split(":")[1];
  return hashEmbedder(dim === undefined ? {} : { dim: Number(dim) });
}

function limitsOf(settings: ServerSettings): ServerLimits {
  return {
    maxTopK: settings.max_top_k,
    maxBatchVectors: settings.max_batch_vectors,
    maxCollectionVectors: settings.max_collection_vectors,
    maxCollectionVectorBytes: settings.max_collection_vector_bytes,
    jsonLimitBytes: settings.json_limit_mb * bytesPerMiB,
    payloadLimitBytes: settings.payload_limit_mb * bytesPerMiB,
  };
}

/** Refuses to serve the world without keys. */
function checkHost({ host, insecure }: ServerSettings, keys: ApiKeys): void {
  const isLoopback = /^(?:localhost|::1|127(?:\.\d{1,3}){3})$/i.test(host);
  if (isLoopback || keys.isRequired || insecure) return;
  throw new LynseError(
    "INVALID_ARGUMENT",
    `host ${host} can be reached from other machines and no API key is set: give one (--api-key, LYNSE_API_KEY, ` +
      "--api-keys-file), or say that this is wanted (--insecure)",
    { option: "host" },
  );
}

function wait(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
