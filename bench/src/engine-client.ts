/**
 * How does the benchmark talk to an engine?
 *
 * One process an engine and purpose, asked one thing at a time. A native crash ends that process and is reported as
 * that engine's failure. Every process is ended by `stop`, and all that are left by `stopAll`.
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { CorpusFiles } from "./corpus.js";
import type {
  BuildFigures,
  EngineReply,
  EngineRequest,
  IndexedStoreRequest,
  IngestFigures,
  MemoryFigures,
  OpenFigures,
  Round,
  SparseIngestFigures,
  TextIngestFigures,
  TextSearchKind,
  TextStoreRequest,
} from "./engine-requests.js";
import type { SparseData } from "./sparse-data.js";

const program = fileURLToPath(new URL("./engine-process.js", import.meta.url));
const running = new Set<EngineClient>();

export class EngineClient {
  readonly #process: ChildProcess;
  #pending: { resolve: (value: unknown) => void; reject: (error: Error) => void } | null = null;
  #output = "";
  #failure: Error | null = null;

  constructor() {
    this.#process = fork(program, {
      serialization: "advanced",
      execArgv: ["--expose-gc"],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-2_000);
      });
    }
    this.#process.on("message", (reply: EngineReply) => {
      const pending = this.#pending;
      this.#pending = null;
      if ("error" in reply) pending?.reject(new Error(reply.error));
      else pending?.resolve(reply.value);
    });
    this.#process.on("exit", (code, signal) => {
      this.#failure = new Error(`the engine's process ended (${signal ?? code}) ${this.#output.trim()}`.trim());
      this.#pending?.reject(this.#failure);
      this.#pending = null;
      running.delete(this);
    });
    running.add(this);
  }

  #ask(request: EngineRequest): Promise<unknown> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#process.send(request);
    });
  }

  load(engine: string, packageDirectory: string): Promise<{ version: string; loadMs: number }> {
    return this.#ask({ ask: "load", engine, packageDirectory }) as Promise<{ version: string; loadMs: number }>;
  }

  /** Makes a store in `directory` and inserts all rows. */
  ingest(directory: string, files: CorpusFiles, batchRows: number): Promise<IngestFigures> {
    return this.#ask({ ask: "ingest", directory, files, batchRows }) as Promise<IngestFigures>;
  }

  /** Longest pause of the inserting loop when nothing is inserted, ms. */
  idleLoop(files: CorpusFiles, batchRows: number): Promise<number> {
    return this.#ask({ ask: "idleLoop", files, batchRows }) as Promise<number>;
  }

  /** Opens the store in `directory` and asks the first query. */
  open(directory: string, files: CorpusFiles): Promise<OpenFigures> {
    return this.#ask({ ask: "open", directory, files }) as Promise<OpenFigures>;
  }

  search(k: number, isFiltered: boolean, warmUps: number): Promise<Round> {
    return this.#ask({ ask: "search", k, isFiltered, warmUps }) as Promise<Round>;
  }

  batch(k: number, repeats: number): Promise<Round> {
    return this.#ask({ ask: "batch", k, repeats }) as Promise<Round>;
  }

  /** Makes a store of a variant with all rows, or opens a filled one, and builds its index. */
  buildIndex(request: IndexedStoreRequest): Promise<BuildFigures> {
    return this.#ask({ ask: "buildIndex", ...request }) as Promise<BuildFigures>;
  }

  /** Opens an indexed store that was closed, and asks the first query. */
  openIndex(request: IndexedStoreRequest): Promise<OpenFigures> {
    return this.#ask({ ask: "openIndex", ...request }) as Promise<OpenFigures>;
  }

  /** All queries at one effort, as often as a steady time needs. */
  sweep(k: number, effort: number, isFiltered: boolean): Promise<Round> {
    return this.#ask({ ask: "sweep", k, effort, isFiltered }) as Promise<Round>;
  }

  /** Makes a store with a text index in `directory` and inserts all rows. */
  ingestText(directory: string, files: CorpusFiles, batchRows: number): Promise<TextIngestFigures> {
    return this.#ask({ ask: "ingestText", directory, files, batchRows }) as Promise<TextIngestFigures>;
  }

  async openText(request: TextStoreRequest): Promise<void> {
    await this.#ask({ ask: "openText", ...request });
  }

  /** All queries of a kind, as often as a steady time needs. */
  searchText(kind: TextSearchKind, k: number, candidates: number): Promise<Round> {
    return this.#ask({ ask: "searchText", kind, k, candidates }) as Promise<Round>;
  }

  /** Memory of the text index, bytes; null where the engine doesn't tell. */
  textIndexBytes(): Promise<number | null> {
    return this.#ask({ ask: "textIndexBytes" }) as Promise<number | null>;
  }

  /** Makes a store of sparse vectors, which stays open. */
  ingestSparse(directory: string, data: SparseData, batchRows: number): Promise<SparseIngestFigures> {
    return this.#ask({ ask: "ingestSparse", directory, data, batchRows }) as Promise<SparseIngestFigures>;
  }

  searchSparse(k: number): Promise<Round> {
    return this.#ask({ ask: "searchSparse", k }) as Promise<Round>;
  }

  memory(): Promise<MemoryFigures> {
    return this.#ask({ ask: "memory" }) as Promise<MemoryFigures>;
  }

  async close(): Promise<void> {
    await this.#ask({ ask: "close" });
  }

  /** Ends the process. */
  async stop(): Promise<void> {
    if (this.#failure !== null) return;
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGKILL");
    await ended;
  }

  static async stopAll(): Promise<void> {
    await Promise.all([...running].map((client) => client.stop()));
  }
}
