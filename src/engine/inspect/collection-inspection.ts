/**
 * One look at the files of a collection, from its manifest to its indexes.
 *
 * Each kind of file is checked by a file of its own here; this one says in which order, adds up, and keeps what later steps
 * need of earlier ones.
 */
import { CollectionStore } from "../../storage/collection-store.js";
import { FindingList } from "../../storage/inspect/finding.js";
import { StoredFiles } from "../../storage/inspect/stored-files.js";
import type { Manifest } from "../../storage/manifest.js";
import { checkBlobs } from "./blob-check.js";
import type {
  CollectionReport,
  FieldReport,
  IndexReport,
  InspectOptions,
  InspectProgress,
} from "./collection-report.js";
import { contentCheck } from "./content-check.js";
import { checkDerivedFiles, type DerivedFiles } from "./derived-check.js";
import { listUnknownFiles } from "./folder-check.js";
import { measureIndexes } from "./index-recall.js";
import { tellLog } from "./log-findings.js";
import { type LogWalk, walkLog } from "./log-walk.js";
import { rowStates } from "./row-ledger.js";
import { checkVectors, type VectorDamage } from "./vector-check.js";
import type { InspectedCollection } from "./verify-collection.js";

export class CollectionInspection {
  readonly #place: InspectedCollection;
  readonly #manifest: Manifest;
  readonly #options: InspectOptions;
  readonly #findings = new FindingList();
  #bytesDone = 0;
  #bytesTotal = 0;

  constructor(place: InspectedCollection, manifest: Manifest, options: InspectOptions) {
    this.#place = place;
    this.#manifest = manifest;
    this.#options = options;
  }

  async run(): Promise<CollectionReport> {
    const { fs, folder } = this.#place;
    const files = await StoredFiles.open(fs, folder, this.#manifest, this.#findings);
    try {
      return await this.#inspect(files);
    } finally {
      await files.close();
    }
  }

  async #inspect(files: StoredFiles): Promise<CollectionReport> {
    const { fs, folder, endsAt } = this.#place;
    const { depth, signal } = this.#options;
    const isQuick = depth === "quick";
    const onBytes = (stage: InspectProgress["stage"]) => (bytes: number) => this.#tell(stage, bytes);
    this.#bytesTotal = files.logBytes + files.vectorFiles.reduce((sum, { bytes }) => sum + bytes, 0);
    const findings = this.#findings;
    const derived = await checkDerivedFiles(files, findings, { isQuick, signal, onBytes: onBytes("derived files") });
    const walk = await this.#walk(files, derived, onBytes("log"));
    let damage: readonly VectorDamage[] = [];
    let final = walk;
    if (walk !== null && !isQuick) {
      const deep = depth === "deep" ? { onNonFinite: tellNonFinite(findings) } : {};
      const checked = await checkVectors(files, walk, { signal, onBytes: onBytes("vectors"), ...deep });
      damage = checked.damage;
      // A torn commit whose frames are whole, but not its vectors: the log ends before it.
      if (checked.tornAt !== null) {
        final = await this.#walk(files, derived, () => {}, checked.tornAt);
        final &&= { ...final, tornBytes: final.tornBytes + this.#endOf(files) - checked.tornAt };
      }
    }
    if (final !== null) tellLog(files, final, damage, derived, findings, endsAt !== undefined);
    if (final !== null && depth === "deep") await contentCheck(files, final, findings, signal);
    const blobOptions = { isQuick, signal, onBytes: onBytes("blobs") };
    const blobs = await checkBlobs(fs, folder, this.#manifest, findings, blobOptions);
    if (endsAt === undefined) await listUnknownFiles(fs, folder, this.#manifest, findings);
    const isTruthWhole = !findings.all.some(
      ({ severity, code }) => severity === "error" && code !== "checkpoint" && code !== "blob",
    );
    const indexes = isQuick || !isTruthWhole ? [] : await this.#measureIndexes(files);
    return this.#report(files, final, indexes, blobs);
  }

  async #walk(
    files: StoredFiles,
    { position }: DerivedFiles,
    onBytes: (bytes: number) => void,
    endBytes?: number,
  ): Promise<LogWalk | null> {
    const { log } = files;
    const { endsAt } = this.#place;
    if (log === null) return null;
    const vouched = Math.max(position?.bytes ?? 0, endsAt?.logBytes ?? 0);
    return walkLog(files, log, {
      vouchedBytes: vouched,
      endBytes: endBytes ?? this.#endOf(files),
      rowsKnown: position?.rowCount ?? 0,
      readsTexts: this.#options.depth !== "quick",
      onBytes,
      signal: this.#options.signal,
    });
  }

  /** Where the log ends that is looked at. */
  #endOf({ logBytes }: StoredFiles): number {
    return Math.min(logBytes, this.#place.endsAt?.logBytes ?? logBytes);
  }

  async #measureIndexes(files: StoredFiles): Promise<readonly IndexReport[]> {
    const { fs, folder, pool, endsAt } = this.#place;
    // A snapshot may share files that go on behind it: only a restored one can be opened.
    if (endsAt !== undefined) return [];
    const open = (): Promise<CollectionStore> => CollectionStore.open(fs, folder, { isReadOnly: true });
    this.#tell("indexes", 0);
    return measureIndexes(open, pool, files, this.#findings, this.#options);
  }

  #tell(stage: InspectProgress["stage"], bytes: number): void {
    this.#bytesDone += bytes;
    this.#bytesTotal = Math.max(this.#bytesTotal, this.#bytesDone);
    const { database, collection } = this.#place;
    const { onProgress } = this.#options;
    onProgress?.({ database, collection, stage, bytesDone: this.#bytesDone, bytesTotal: this.#bytesTotal });
  }

  #report(files: StoredFiles, walk: LogWalk | null, indexes: readonly IndexReport[], blobs: number): CollectionReport {
    const { database, collection, folder } = this.#place;
    const rows = walk?.ledger.rows;
    const fields: FieldReport[] = files.vectorFiles.map(({ name, dim, dtype }, at) => {
      const number = files.vectors === null ? at : at - 1;
      const vectors = number === -1 ? rows?.rowCount : walk?.ledger.fields[number]?.slots.count;
      return { name, dim, dtype, vectors: vectors ?? 0 };
    });
    return {
      ...{ database, collection, folder, fields, indexes, blobs },
      rows: rows?.countOf(rowStates.live) ?? 0,
      deletedRows: rows?.countOf(rowStates.deleted) ?? 0,
      writtenRows: rows?.rowCount ?? 0,
      commits: walk?.lastBatch ?? 0,
      bytesRead: this.#bytesDone,
      findings: this.#findings.all,
      findingCount: this.#findings.count,
    };
  }
}

function tellNonFinite(findings: FindingList): NonNullable<Parameters<typeof checkVectors>[2]["onNonFinite"]> {
  return ({ path }, offset, count) =>
    findings.add({
      ...{ severity: "error", code: "vectors", file: path, offset },
      problem: `${count} ${count === 1 ? "component is" : "components are"} not a finite number`,
      affects: "distances to the vectors that have them",
      advice: "damage, or a defect of the program that wrote them, worth a report; write these rows again",
    });
}
