/**
 * How does a program, or the command line, look after stored files: `import { verify, repair } from "lynsedb/inspect"`?
 *
 * For directories on disk, in Node.js. Looking takes no lock and changes nothing; see `docs/guides/verify-and-repair.md`.
 */
import type {
  CollectionReport,
  FieldReport,
  IndexReport,
  InspectDepth,
  InspectProgress,
} from "../../engine/inspect/collection-report.js";
import { type RootReport, verifyRoot } from "../../engine/inspect/verify-root.js";
import { LynseError } from "../../errors.js";
import { inlinePool } from "../../kernel/kernel-pool.js";
import type { Finding, FindingCode, Severity } from "../../storage/inspect/finding.js";
import { checkName } from "../../storage/names.js";
import { checkFunction, checkInteger, checkOptions, checkSignal } from "../check-options.js";

export type {
  CollectionReport,
  FieldReport,
  Finding,
  FindingCode,
  IndexReport,
  InspectDepth,
  InspectProgress,
  Severity,
};

/** What a look is to be. */
export interface VerifyOptions {
  /** One database instead of all. */
  readonly database?: string;
  /** One collection of it instead of all. */
  readonly collection?: string;
  /**
   * `"quick"`: headers, index sections of the log, references; neither metadata nor vectors. `"full"`, the default: every byte of
   * every file, and the recall of indexes on a sample. `"deep"`: also JSON of all metadata, sparse vectors, finite components.
   */
  readonly depth?: InspectDepth;
  /** Rows drawn from the collection that each index is asked about. Default 50. */
  readonly queries?: number;
  /** Draws them. Default 1. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: InspectProgress) => void;
}

export interface VerifyReport extends RootReport {
  /** No finding of severity `"error"`. */
  readonly isClean: boolean;
  /** Findings of each severity, those of collections included. */
  readonly counts: Readonly<Record<Severity, number>>;
  readonly seconds: number;
}

/**
 * Reads everything below the data directory `root`, or in the snapshot at `root`, and tells what is wrong. Takes no lock: it
 * may run beside a writer.
 */
export async function verify(root: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  const names = ["database", "collection", "depth", "queries", "seed", "signal", "onProgress"] as const;
  checkOptions(options, names, "verify");
  const { database = null, collection = null, depth = "full", queries = 50, seed = 1 } = options;
  if (database !== null) checkName(database, "database");
  if (collection !== null) checkName(collection, "collection");
  if (collection !== null && database === null) {
    throw new LynseError("INVALID_ARGUMENT", "a collection is of a database: name it as well", { collection });
  }
  if (!["quick", "full", "deep"].includes(depth)) {
    const text = `depth must be "quick", "full" or "deep", got ${JSON.stringify(depth)}`;
    throw new LynseError("INVALID_ARGUMENT", text, { got: depth });
  }
  checkInteger(queries, "queries", 0, 10_000);
  checkInteger(seed, "seed", 0, 0xffff_ffff);
  const signal = checkSignal(options.signal);
  const onProgress = checkFunction(options.onProgress, "onProgress");
  const startedAt = performance.now();
  const { NodeFileSystem } = await import("../../storage/node-file-system.js");
  const look = { depth, queries, seed, signal, onProgress };
  const report = await verifyRoot(new NodeFileSystem(), folderOf(root), { database, collection }, inlinePool, look);
  const counts = { error: 0, warning: 0, note: 0 };
  for (const { findings } of [report, ...report.collections])
    for (const { severity } of findings) counts[severity] += 1;
  return { ...report, isClean: counts.error === 0, counts, seconds: (performance.now() - startedAt) / 1000 };
}

/** A path as storage writes paths. */
function folderOf(root: string): string {
  if (typeof root !== "string" || root === "" || /^(https?|memory):\/\//i.test(root)) {
    const text = `a data directory is wanted, got ${JSON.stringify(root)}; a server looks after its own`;
    throw new LynseError("INVALID_ARGUMENT", text, { got: root });
  }
  return root.replaceAll("\\", "/").replace(/(?<=.)\/+$/, "");
}
