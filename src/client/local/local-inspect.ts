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
import type { LossReport } from "../../engine/inspect/loss-plan.js";
import type { CollectionRepair } from "../../engine/inspect/repair-collection.js";
import { type RootRepair, repairRoot } from "../../engine/inspect/repair-root.js";
import { type RootReport, verifyRoot } from "../../engine/inspect/verify-root.js";
import { LynseError } from "../../errors.js";
import { inlinePool } from "../../kernel/kernel-pool.js";
import type { Finding, FindingCode, Severity } from "../../storage/inspect/finding.js";
import { type LockFacts, readLockFacts } from "../../storage/inspect/lock-facts.js";
import { checkName } from "../../storage/names.js";
import { breakWriterLock } from "../../storage/writer-lock.js";
import { checkBoolean, checkFunction, checkInteger, checkOptions, checkSignal } from "../check-options.js";

export type {
  CollectionRepair,
  CollectionReport,
  FieldReport,
  Finding,
  FindingCode,
  IndexReport,
  InspectDepth,
  InspectProgress,
  LockFacts,
  LossReport,
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
  const { depth = "full", queries = 50, seed = 1 } = options;
  const target = targetOf(options);
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
  const report = await verifyRoot(new NodeFileSystem(), folderOf(root), target, inlinePool, look);
  const counts = { error: 0, warning: 0, note: 0 };
  for (const { findings } of [report, ...report.collections])
    for (const { severity } of findings) counts[severity] += 1;
  return { ...report, isClean: counts.error === 0, counts, seconds: (performance.now() - startedAt) / 1000 };
}

/** What a repair is to be. */
export interface RepairOptions {
  /** One database instead of all. */
  readonly database?: string;
  /** One collection of it instead of all. */
  readonly collection?: string;
  /** Change nothing: tell what would be done. Takes no lock. Default false. */
  readonly dryRun?: boolean;
  /**
   * Keep rows whose vectors do not match their checksum, as they are: one checksum covers up to 16,384 vectors, most of which are
   * whole. Their ids are told. Default false: their ids and metadata are written beside, to be added again.
   */
  readonly keepSuspectVectors?: boolean;
  /** Asked for each collection before it is changed. Default: yes. */
  readonly confirm?: (plan: CollectionRepair) => boolean | Promise<boolean>;
  readonly signal?: AbortSignal;
}

export interface RepairReport extends RootRepair {
  readonly seconds: number;
}

/**
 * Mends what is damaged below the data directory `root`, under the writer lock (`LOCKED` while another process writes). What can
 * be made anew is removed. Of a damaged log or vector file everything that is whole is written to new files, and the damaged
 * ones are kept in a folder `quarantine-<time>` of the collection. The report says what is lost, by id where that is knowable.
 */
export async function repair(root: string, options: RepairOptions = {}): Promise<RepairReport> {
  const known = ["database", "collection", "dryRun", "keepSuspectVectors", "confirm", "signal"] as const;
  checkOptions(options, known, "repair");
  const { dryRun = false, keepSuspectVectors = false } = options;
  const target = targetOf(options);
  checkBoolean(dryRun, "dryRun");
  checkBoolean(keepSuspectVectors, "keepSuspectVectors");
  const confirm = checkFunction(options.confirm, "confirm");
  const signal = checkSignal(options.signal);
  const startedAt = performance.now();
  const { NodeFileSystem } = await import("../../storage/node-file-system.js");
  const report = await repairRoot(new NodeFileSystem(), folderOf(root), target, inlinePool, {
    isDryRun: dryRun,
    keepsSuspects: keepSuspectVectors,
    signal,
    onBytes: () => {},
    confirm: async (plan) => confirm === undefined || (await confirm(plan)),
    now: () => Date.now(),
  });
  return { ...report, seconds: (performance.now() - startedAt) / 1000 };
}

interface Target {
  readonly database: string | null;
  readonly collection: string | null;
}

function targetOf(options: { readonly database?: string; readonly collection?: string }): Target {
  const { database = null, collection = null }: Partial<Target> = options;
  if (database !== null) checkName(database, "database");
  if (collection !== null) checkName(collection, "collection");
  if (collection === null || database !== null) return { database, collection };
  throw new LynseError("INVALID_ARGUMENT", "a collection is of a database: name it as well", { collection });
}

/** A path as storage writes paths. */
function folderOf(root: string): string {
  if (typeof root !== "string" || root === "" || /^(https?|memory):\/\//i.test(root)) {
    const text = `a data directory is wanted, got ${JSON.stringify(root)}; a server looks after its own`;
    throw new LynseError("INVALID_ARGUMENT", text, { got: root });
  }
  return root.replaceAll("\\", "/").replace(/(?<=.)\/+$/, "");
}

/** Who holds the writer lock of the data directory `root`; null where nobody ever did. Takes nothing. */
export async function lockHolder(root: string): Promise<LockFacts | null> {
  const { NodeFileSystem } = await import("../../storage/node-file-system.js");
  return readLockFacts(new NodeFileSystem(), folderOf(root), Date.now());
}

/**
 * Takes the writer lock of the data directory `root` away from a holder that is gone, where nothing tells so by itself: it is of
 * another machine whose clock is ahead, or of a system that says nothing of its processes. It is watched for 35 seconds first.
 * `LOCKED` where it runs, or gives a sign of life. Resolves to false where nobody held the lock.
 */
export async function unlock(root: string): Promise<boolean> {
  const { NodeFileSystem } = await import("../../storage/node-file-system.js");
  return breakWriterLock(new NodeFileSystem(), folderOf(root));
}
