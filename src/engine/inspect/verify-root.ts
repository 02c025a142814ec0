/**
 * Is everything in a root as it was written?
 *
 * The files of the root and of its databases, then one collection after the other. Takes no lock; see `verifyCollection`.
 */
import { isLynseError, LynseError } from "../../errors.js";
import type { KernelPool } from "../../kernel/kernel-pool.js";
import type { FileSystem } from "../../storage/file-system.js";
import { type Finding, FindingList } from "../../storage/inspect/finding.js";
import { readSealedJson } from "../../storage/sealed-json.js";
import { readSnapshotFile } from "../../storage/snapshot-file.js";
import { parseUnfinishedName, type UnfinishedName } from "../../storage/unfinished-name.js";
import { snapshotOf, stagedBeginning } from "../snapshots.js";
import type { CollectionReport, InspectOptions } from "./collection-report.js";
import { verifyCollection } from "./verify-collection.js";

/** What of a root is looked at. */
export interface VerifyTarget {
  /** Null: all databases. */
  readonly database: string | null;
  /** Null: all collections. */
  readonly collection: string | null;
}

export interface RootReport {
  readonly root: string;
  /** What stands at `root`. */
  readonly kind: "root" | "collection snapshot" | "database snapshot";
  readonly databases: readonly string[];
  readonly collections: readonly CollectionReport[];
  /** What is wrong beside the collections; those have their own. */
  readonly findings: readonly Finding[];
  readonly bytesRead: number;
}

const isName = /^[A-Za-z0-9._-]{1,128}$/;

export async function verifyRoot(
  fs: FileSystem,
  root: string,
  target: VerifyTarget,
  pool: KernelPool,
  options: InspectOptions,
): Promise<RootReport> {
  try {
    return await new RootVerifier(fs, root, target, pool, options).run();
  } catch (error) {
    if (options.signal?.aborted !== true) throw error;
    throw new LynseError("ABORTED", "the call was ended by its AbortSignal", {}, options.signal.reason);
  }
}

class RootVerifier {
  readonly #fs: FileSystem;
  readonly #root: string;
  readonly #target: VerifyTarget;
  readonly #pool: KernelPool;
  readonly #options: InspectOptions;
  readonly #findings = new FindingList();
  readonly #databases: string[] = [];
  readonly #collections: CollectionReport[] = [];

  constructor(fs: FileSystem, root: string, target: VerifyTarget, pool: KernelPool, options: InspectOptions) {
    this.#fs = fs;
    this.#root = root;
    this.#target = target;
    this.#pool = pool;
    this.#options = options;
  }

  async run(): Promise<RootReport> {
    const kind = await this.#inspect();
    const own = this.#collections.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
    return {
      root: this.#root,
      kind,
      databases: this.#databases,
      collections: this.#collections,
      findings: this.#findings.all,
      bytesRead: own,
    };
  }

  async #inspect(): Promise<RootReport["kind"]> {
    if (await this.#fs.exists(`${this.#root}/snapshot.json`)) return this.#inspectSnapshot(this.#root, null);
    const isRoot = await this.#sealedFile(`${this.#root}/lynse.json`, "lynsedb root", "root-file", "everything in it");
    const entries = await this.#fs.list(this.#root);
    if (isRoot === "missing") {
      const hasDatabases = await this.#hasDatabases(entries);
      if (!hasDatabases) {
        throw new LynseError("DATABASE_NOT_FOUND", `there is no database directory at ${this.#root}`, {
          root: this.#root,
        });
      }
      this.#findings.add({
        ...{ severity: "error", code: "root-file", file: `${this.#root}/lynse.json`, problem: "the file is missing" },
        affects: "everything in the directory, until it is there again",
        advice: 'run "lynse repair"',
      });
    }
    for (const { name, isFolder } of entries) {
      const path = `${this.#root}/${name}`;
      if (isFolder) await this.#inspectDatabase(name, path);
      else if (/^writer-\d{6,15}\.lock$/.test(name)) await this.#lockFile(path);
      else if (name.endsWith(".tmp")) this.#leftover(path, "a file that was not finished");
      else if (name !== "lynse.json") this.#unknown(path);
    }
    this.#checkTargetFound();
    return "root";
  }

  async #hasDatabases(entries: readonly { readonly name: string; readonly isFolder: boolean }[]): Promise<boolean> {
    for (const { name, isFolder } of entries) {
      if (isFolder && (await this.#fs.exists(`${this.#root}/${name}/database.json`))) return true;
    }
    return false;
  }

  #checkTargetFound(): void {
    const { database, collection } = this.#target;
    if (database !== null && !this.#databases.includes(database)) {
      throw new LynseError("DATABASE_NOT_FOUND", `there is no database ${JSON.stringify(database)}`, { database });
    }
    if (collection !== null && this.#collections.length === 0) {
      const text = `there is no collection ${JSON.stringify(collection)} in database ${JSON.stringify(database)}`;
      throw new LynseError("COLLECTION_NOT_FOUND", text, { database, collection });
    }
  }

  async #inspectDatabase(name: string, path: string): Promise<void> {
    const { database, collection } = this.#target;
    if (database !== null && database !== name) return;
    if (name.startsWith(stagedBeginning)) return this.#leftover(path, "a copy or a restore that was not finished");
    const copy = await parseUnfinishedName(this.#fs, name);
    if (copy !== null) return this.#unfinishedCopy(path, copy);
    if (await this.#fs.exists(`${path}/snapshot.json`)) return void (await this.#inspectSnapshot(path, null));
    const affects = "nothing else: it counts as live while it cannot be read";
    const state = await this.#sealedFile(`${path}/database.json`, "lynsedb database", "database-file", affects);
    const entries = await this.#fs.list(path);
    if (state === "missing") {
      const snapshots = await this.#snapshotsIn(path, entries);
      if (!isName.test(name) || !(await this.#hasCollections(path, entries))) {
        // Backups that somebody keeps beside the data.
        for (const folder of snapshots) await this.#inspectSnapshot(folder, null);
        if (snapshots.length === 0) this.#unknown(path);
        return;
      }
      this.#findings.add({
        ...{ severity: "error", code: "database-file", file: `${path}/database.json`, problem: "the file is missing" },
        affects: "all collections in the folder: the database is not found without it",
        advice: 'run "lynse repair"',
      });
    }
    if (state === "dropped") return this.#leftover(path, "a database that was dropped, but not removed to the end");
    this.#databases.push(name);
    for (const entry of entries) {
      const inner = `${path}/${entry.name}`;
      if (!entry.isFolder) {
        if (entry.name.endsWith(".tmp")) this.#leftover(inner, "a file that was not finished");
        else if (entry.name !== "database.json") this.#unknown(inner);
      } else if (collection === null || collection === entry.name)
        await this.#inspectCollection(name, entry.name, inner);
    }
  }

  /** One of a process that lives is none of a crash. */
  #unfinishedCopy(path: string, { target, writer }: UnfinishedName): void {
    if (writer === "running") return;
    const problem = `a snapshot or an export to ${JSON.stringify(target)} that was not finished`;
    const advice =
      writer === "gone"
        ? "nothing has to be done: the next one to the same place removes it"
        : "remove it, unless it is being written: by a process of another machine, or before a restart of this one";
    this.#findings.add({ severity: "note", code: "leftover", file: path, problem, advice });
  }

  async #hasCollections(
    path: string,
    entries: readonly { readonly name: string; readonly isFolder: boolean }[],
  ): Promise<boolean> {
    for (const { name, isFolder } of entries) {
      if (!isFolder || !(await this.#fs.exists(`${path}/${name}/manifest.json`))) continue;
      if (!(await this.#fs.exists(`${path}/${name}/snapshot.json`))) return true;
    }
    return false;
  }

  async #snapshotsIn(
    path: string,
    entries: readonly { readonly name: string; readonly isFolder: boolean }[],
  ): Promise<string[]> {
    const found: string[] = [];
    for (const { name, isFolder } of entries) {
      const folder = `${path}/${name}`;
      if (isFolder && (await this.#fs.exists(`${folder}/snapshot.json`))) found.push(folder);
    }
    return found;
  }

  async #inspectCollection(database: string, collection: string, folder: string): Promise<void> {
    if (collection.startsWith(stagedBeginning)) return this.#leftover(folder, "a copy that was not finished");
    if (!isName.test(collection)) return this.#unknown(folder);
    if (await this.#fs.exists(`${folder}/snapshot.json`)) return void (await this.#inspectSnapshot(folder, database));
    const names = (await this.#fs.list(folder)).map(({ name }) => name);
    // A folder without a manifest is no collection: a drop, or a creation, that a crash ended; or the manifest was lost.
    if (!names.includes("manifest.json") && !(await this.#hasLog(folder, names))) {
      return names.length === 0 || names.some((name) => /^g\d+$/.test(name))
        ? this.#leftover(folder, "a collection that was not created, or not removed, to the end")
        : this.#unknown(folder);
    }
    const place = { fs: this.#fs, folder, database, collection, pool: this.#pool };
    this.#collections.push(await verifyCollection(place, this.#options));
  }

  /** A generation with more than a header in its log: a collection whose manifest is gone. */
  async #hasLog(folder: string, names: readonly string[]): Promise<boolean> {
    for (const name of names.filter((each) => /^g\d+$/.test(each))) {
      const path = `${folder}/${name}/log-000001.lynse`;
      if (!(await this.#fs.exists(path))) continue;
      const handle = await this.#fs.open(path, "read");
      const bytes = await handle.size().finally(() => handle.close());
      if (bytes > 64) return true;
    }
    return false;
  }

  async #inspectSnapshot(folder: string, database: string | null): Promise<RootReport["kind"]> {
    const file = `${folder}/snapshot.json`;
    let snapshot: Awaited<ReturnType<typeof readSnapshotFile>>;
    try {
      snapshot = await readSnapshotFile(this.#fs, folder);
    } catch (error) {
      if (!isLynseError(error, "CORRUPT")) throw error;
      const advice = "take another snapshot; restore from this one only what verifies";
      this.#findings.add({ severity: "error", code: "snapshot", file, offset: 0, problem: error.message, advice });
      snapshot = null;
    }
    if (snapshot?.kind === "database") {
      for (const name of snapshot.collections) await this.#inspectSnapshot(snapshotOf(folder, name), snapshot.name);
      return "database snapshot";
    }
    if (snapshot === null) return "collection snapshot";
    for (const { path, bytes } of snapshot.files) await this.#snapshotFile(`${folder}/${path}`, bytes);
    const { name: collection, position } = snapshot;
    const endsAt = { logBytes: position.bytes };
    const place = { fs: this.#fs, folder, database, collection, pool: this.#pool, endsAt };
    this.#collections.push(await verifyCollection(place, this.#options));
    return "collection snapshot";
  }

  async #snapshotFile(file: string, bytes: number): Promise<void> {
    const advice = "take another snapshot, or restore from another one";
    const severity = "error";
    const code = "snapshot";
    if (!(await this.#fs.exists(file))) {
      this.#findings.add({ severity, code, file, problem: "a file of the snapshot is missing", advice });
      return;
    }
    const handle = await this.#fs.open(file, "read");
    const size = await handle.size().finally(() => handle.close());
    if (size >= bytes) return;
    const problem = `the file has ${size} bytes, the snapshot needs ${bytes}`;
    this.#findings.add({ severity, code, file, offset: size, problem, advice });
  }

  /** Reads a sealed file of the root or a database. */
  async #sealedFile(
    file: string,
    format: string,
    code: "root-file" | "database-file",
    affects: string,
  ): Promise<"missing" | "dropped" | "good" | "damaged"> {
    try {
      const members = await readSealedJson(this.#fs, file, format);
      if (members === null) return "missing";
      return members["state"] === "dropped" ? "dropped" : "good";
    } catch (error) {
      if (!isLynseError(error)) throw error;
      const isTooNew = error.code === "FORMAT_TOO_NEW";
      this.#findings.add({
        severity: "error",
        code: isTooNew ? "format-too-new" : error.code === "CORRUPT" ? code : "unreadable",
        ...{ file, offset: 0, affects },
        problem: isTooNew ? "a newer version of lynsedb wrote it" : "the content does not match its checksum",
        advice: isTooNew ? "upgrade lynsedb" : 'run "lynse repair", which writes it again',
      });
      return "damaged";
    }
  }

  async #lockFile(file: string): Promise<void> {
    try {
      await readSealedJson(this.#fs, file, "lynsedb writer lock");
    } catch (error) {
      if (!isLynseError(error, "CORRUPT")) throw error;
      // A holder rewrites it every ten seconds: a look may meet it half-way.
      await new Promise((resolve) => setTimeout(resolve, 50));
      const isBad = await readSealedJson(this.#fs, file, "lynsedb writer lock").then(
        () => false,
        () => true,
      );
      if (!isBad) return;
      const problem = "the lock file cannot be read";
      const advice = "nothing has to be done: the next writer takes the lock over";
      this.#findings.add({ severity: "warning", code: "lock-file", file, offset: 0, problem, advice });
    }
  }

  #leftover(file: string, problem: string): void {
    const advice = "nothing has to be done: the next writable open removes it, or takes its place";
    this.#findings.add({ severity: "note", code: "leftover", file, problem, advice });
  }

  #unknown(file: string): void {
    const problem = "it is not of lynsedb, and is left alone";
    const advice = "remove it where nobody needs it";
    this.#findings.add({ severity: "note", code: "unknown-file", file, problem, advice });
  }
}
