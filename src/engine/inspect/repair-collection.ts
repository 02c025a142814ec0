/**
 * How does a damaged collection become a sound one, with everything in it that is whole?
 *
 * Derived files that are damaged are removed: they are made anew. Where the truth is damaged, what can be believed is written to a
 * new generation beside the old one; the old files get second names in a quarantine folder; then the manifest is replaced, which
 * is the one step that counts. A crash before it leaves the damaged collection as it was, a crash after it the repaired one;
 * nothing is ever written to the damaged files.
 */
import { LynseError } from "../../errors.js";
import type { KernelPool } from "../../kernel/kernel-pool.js";
import { newSalt } from "../../storage/file-header.js";
import type { FileSystem } from "../../storage/file-system.js";
import { generationFolder } from "../../storage/generation-files.js";
import { type Finding, FindingList } from "../../storage/inspect/finding.js";
import { StoredFiles } from "../../storage/inspect/stored-files.js";
import { removeLeftovers } from "../../storage/leftovers.js";
import { type Manifest, manifestPath, readManifest, writeManifest } from "../../storage/manifest.js";
import { replaceFile } from "../../storage/replace-file.js";
import type { CollectionReport } from "./collection-report.js";
import { type LossPlan, type LossReport, planLosses } from "./loss-plan.js";
import { writeLostRows } from "./lost-rows-file.js";
import { quarantineName } from "./quarantine.js";
import { type RebuiltManifest, rebuildManifest } from "./rebuild-manifest.js";
import { rewriteGeneration } from "./rewrite-generation.js";
import { Salvage } from "./salvage.js";
import { secondName } from "./second-name.js";
import { verifyCollection } from "./verify-collection.js";

export interface RepairPlace {
  readonly fs: FileSystem;
  readonly folder: string;
  readonly database: string;
  readonly collection: string;
  readonly pool: KernelPool;
}

export interface RepairOptions {
  /** Change nothing: tell what would be done. */
  readonly isDryRun: boolean;
  /** Keep rows whose vectors do not match their checksum, as they are. */
  readonly keepsSuspects: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onBytes: (bytes: number) => void;
  /** Asked before anything is changed; false: nothing is. */
  readonly confirm: (plan: CollectionRepair) => Promise<boolean>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface CollectionRepair {
  readonly database: string;
  readonly collection: string;
  /**
   * `"sound"`: nothing to do. `"planned"`: of a dry run. `"declined"`: the plan was not confirmed. `"repaired"`. `"hopeless"`:
   * nothing of it can be believed, and nothing was changed.
   */
  readonly state: "sound" | "planned" | "declined" | "repaired" | "hopeless";
  /** What is, or would be, done. */
  readonly steps: readonly string[];
  readonly findings: readonly Finding[];
  /** Null where no rows are touched. */
  readonly losses: LossReport | null;
  /** Rows that can be found, and deleted ones that can be restored, afterwards; null where no rows are touched. */
  readonly keptRows: number | null;
  readonly keptDeleted: number | null;
  /** Folder with the damaged files, the report and the rows that could not be kept; null where there is none. */
  readonly quarantine: string | null;
}

/** Findings that do not touch what is true: files that are made anew, and what needs no mending. */
const derivedCodes = new Set<Finding["code"]>(["checkpoint", "index", "index-recall", "blob"]);

export async function repairCollection(place: RepairPlace, options: RepairOptions): Promise<CollectionRepair> {
  const { fs, folder, database, collection, pool } = place;
  const look = { depth: "full", queries: 10, seed: 1, signal: options.signal, onProgress: undefined } as const;
  const report = await verifyCollection({ fs, folder, database, collection, pool }, look);
  const errors = report.findings.filter(({ severity }) => severity === "error");
  const base = { database, collection, findings: report.findings, losses: null, keptRows: null, keptDeleted: null };
  const none = { ...base, quarantine: null };
  if (errors.length === 0) return { ...none, state: "sound", steps: [] };
  if (errors.some(({ code }) => code === "format-too-new")) {
    return { ...none, state: "hopeless", steps: ["a newer version of lynsedb wrote it: upgrade lynsedb"] };
  }
  const isTruthHurt = errors.some(({ code }) => !derivedCodes.has(code));
  return isTruthHurt ? repairTruth(place, report, none, options) : repairDerived(place, errors, none, options);
}

type Base = Omit<CollectionRepair, "state" | "steps">;

/** Removes damaged files that can be made anew. */
async function repairDerived(
  { fs }: RepairPlace,
  errors: readonly Finding[],
  base: Base,
  options: RepairOptions,
): Promise<CollectionRepair> {
  const removed = new Map<string, "file" | "folder">();
  const steps: string[] = [];
  for (const { code, file } of errors) {
    const indexFolder = /^(.*\/index-[^/]+-\d{6})(\/|$)/.exec(file)?.[1];
    if (code === "checkpoint") removed.set(file, "file");
    else if (code === "index" && indexFolder !== undefined) removed.set(indexFolder, "folder");
    else if (code === "blob") steps.push(`${file} stays: write that blob again, or restore it from a backup`);
  }
  for (const [path, kind] of removed) {
    steps.push(`remove ${path}, ${kind === "file" ? "a checkpoint" : "an index"}, which is made anew`);
  }
  const plan: CollectionRepair = { ...base, state: "planned", steps };
  if (removed.size === 0 || options.isDryRun) return plan;
  if (!(await options.confirm(plan))) return { ...plan, state: "declined" };
  for (const [path, kind] of removed) {
    // The head first: a half-removed index does not count.
    if (kind === "folder") await fs.remove(`${path}/head.lynse`);
    if (kind === "folder") await fs.removeFolder(path);
    else await fs.remove(path);
    await fs.syncFolder(path.slice(0, path.lastIndexOf("/")));
  }
  return { ...plan, state: "repaired" };
}

async function repairTruth(
  place: RepairPlace,
  report: CollectionReport,
  base: Base,
  options: RepairOptions,
): Promise<CollectionRepair> {
  const { fs, folder } = place;
  const present = await presentManifest(place, report, options);
  if (present === null) {
    return { ...base, state: "hopeless", steps: ["neither the manifest nor the headers of its files can be read"] };
  }
  const files = await StoredFiles.open(fs, folder, present.manifest, new FindingList());
  try {
    const salvage = await Salvage.read(files, new FindingList(), options);
    const plan = await planLosses(salvage, options);
    const losses = { ...plan.report, unknowable: [...present.unknowable, ...plan.report.unknowable] };
    const next: Manifest = { ...present.manifest, generation: await nextGeneration(fs, folder), salt: newSalt() };
    const quarantine = await freeName(fs, folder, options.now());
    const { keptRows, keptDeleted } = plan;
    const found: CollectionRepair = {
      ...{ ...base, losses, keptRows, keptDeleted, quarantine, state: "planned" },
      steps: [
        `write ${keptRows} rows and ${keptDeleted} deleted ones to new files`,
        `keep the damaged files in ${quarantine}`,
        "indexes and checkpoints are made anew",
      ],
    };
    if (keptRows + keptDeleted + losses.lostRows.length === 0 && losses.lostUnknownRows > 0) {
      const steps = ["nothing says which rows there are: restore a backup"];
      return { ...found, state: "hopeless", quarantine: null, steps };
    }
    if (options.isDryRun) return found;
    if (!(await options.confirm(found))) return { ...found, state: "declined" };
    await carryOut(place, { present, next, salvage, plan, quarantine, found }, options);
    return { ...found, state: "repaired" };
  } finally {
    await files.close();
  }
}

/** The manifest, or what it must have been. */
async function presentManifest(
  { fs, folder }: RepairPlace,
  report: CollectionReport,
  { now }: RepairOptions,
): Promise<RebuiltManifest | null> {
  const isDamaged = report.findings.some(({ code, file }) => code === "manifest" || file === manifestPath(folder));
  if (isDamaged) return rebuildManifest(fs, folder, now());
  const manifest = await readManifest(fs, folder);
  return manifest === null ? null : { manifest, unknowable: [] };
}

async function nextGeneration(fs: FileSystem, folder: string): Promise<number> {
  let highest = 0;
  for (const { name, isFolder } of await fs.list(folder)) {
    if (isFolder && /^g\d+$/.test(name)) highest = Math.max(highest, Number(name.slice(1)));
  }
  return highest + 1;
}

async function freeName(fs: FileSystem, folder: string, nowMs: number): Promise<string> {
  const first = `${folder}/${quarantineName(nowMs)}`;
  for (let number = 1; ; number++) {
    const path = number === 1 ? first : `${first}-${number}`;
    if (!(await fs.exists(path))) return path;
  }
}

interface CarryOut {
  readonly present: RebuiltManifest;
  readonly next: Manifest;
  readonly salvage: Salvage;
  readonly plan: LossPlan;
  readonly quarantine: string;
  readonly found: CollectionRepair;
}

async function carryOut({ fs, folder }: RepairPlace, work: CarryOut, options: RepairOptions): Promise<void> {
  const { present, next, salvage, plan, quarantine, found } = work;
  const old = generationFolder(folder, present.manifest.generation);
  try {
    await rewriteGeneration(fs, folder, next, salvage, plan, options.signal);
    await fs.makeFolder(quarantine);
    for (const { name, isFolder } of await fs.list(old)) {
      if (!isFolder) await secondName(fs, `${old}/${name}`, `${quarantine}/${name}`);
    }
    if (await fs.exists(manifestPath(folder))) {
      await secondName(fs, manifestPath(folder), `${quarantine}/manifest.json`);
    }
    await writeLostRows(fs, `${quarantine}/lost-rows.jsonl`, salvage, plan);
    const text = JSON.stringify(
      { repairedAt: new Date(options.now()).toISOString(), ...found, state: "repaired" },
      null,
      1,
    );
    await replaceFile(fs, `${quarantine}/report.json`, new TextEncoder().encode(`${text}\n`));
    await fs.syncFolder(quarantine);
    await fs.syncFolder(folder);
  } catch (error) {
    await fs.removeFolder(generationFolder(folder, next.generation)).catch(() => {});
    await fs.removeFolder(quarantine).catch(() => {});
    throw error;
  }
  await writeManifest(fs, folder, next);
  await removeLeftovers(fs, folder, next);
}

/** Throws unless a plan exists for a target that was named. */
export function assertFound(repairs: readonly CollectionRepair[], database: string, collection: string | null): void {
  if (repairs.length > 0 || collection === null) return;
  const text = `there is no collection ${JSON.stringify(collection)} in database ${JSON.stringify(database)}`;
  throw new LynseError("COLLECTION_NOT_FOUND", text, { database, collection });
}
