/**
 * Is everything in a collection's folder as it was written, and does it fit together?
 *
 * Takes no lock and writes nothing. A writer may change the files meanwhile: whatever looks wrong is looked at once more,
 * and only what is still there counts; where the collection was rewritten in between, the look begins again.
 */
import { isLynseError } from "../../errors.js";
import type { KernelPool } from "../../kernel/kernel-pool.js";
import type { FileSystem } from "../../storage/file-system.js";
import { type Finding, FindingList, isSameFinding } from "../../storage/inspect/finding.js";
import { type Manifest, manifestPath, readManifest } from "../../storage/manifest.js";
import { CollectionInspection } from "./collection-inspection.js";
import type { CollectionReport, InspectOptions } from "./collection-report.js";

/** Looks at a collection that is rewritten again and again. */
const attemptsMax = 5;

export interface InspectedCollection {
  readonly fs: FileSystem;
  readonly folder: string;
  readonly database: string | null;
  readonly collection: string;
  readonly pool: KernelPool;
  /** Where it is a snapshot: it ends here, and nobody writes to it. */
  readonly endsAt?: { readonly logBytes: number };
}

export async function verifyCollection(place: InspectedCollection, options: InspectOptions): Promise<CollectionReport> {
  let before: CollectionReport | null = null;
  for (let attempts = 1; ; attempts++) {
    const manifest = await manifestOf(place);
    const found = await verifyOnce(place, manifest, options);
    const now = await manifestOf(place);
    const isChanged = saltOf(now) !== saltOf(manifest);
    const isDoubtful = found.findings.some(({ severity }) => severity !== "note");
    if (!isDoubtful || place.endsAt !== undefined) return found;
    if (isChanged && attempts < attemptsMax) {
      before = null;
      continue;
    }
    if (before !== null || attempts >= attemptsMax) return confirmed(before, found);
    before = found;
  }
}

/** What a second look found again. */
function confirmed(before: CollectionReport | null, found: CollectionReport): CollectionReport {
  if (before === null) return found;
  const isAgain = (finding: Finding): boolean => before.findings.some((other) => isSameFinding(finding, other));
  // Where more was found than is kept, nothing can be compared.
  if (before.findingCount > before.findings.length) return found;
  const findings = found.findings.filter(isAgain);
  return { ...found, findings, findingCount: findings.length };
}

type FoundManifest = { readonly manifest: Manifest } | { readonly finding: Finding };

function saltOf(found: FoundManifest): string | null {
  return "manifest" in found ? found.manifest.salt : null;
}

async function manifestOf({ fs, folder }: InspectedCollection): Promise<FoundManifest> {
  const file = manifestPath(folder);
  const list = new FindingList();
  const advice = 'run "lynse repair", or restore the collection from a backup';
  const affects = "every row, until it is repaired";
  try {
    const manifest = await readManifest(fs, folder);
    if (manifest !== null) return { manifest };
    list.add({ severity: "error", code: "missing-file", file, problem: "the manifest is missing", affects, advice });
  } catch (error) {
    if (!isLynseError(error)) throw error;
    const isTooNew = error.code === "FORMAT_TOO_NEW";
    list.add({
      severity: "error",
      code: isTooNew ? "format-too-new" : error.code === "CORRUPT" ? "manifest" : "unreadable",
      file,
      offset: 0,
      problem: isTooNew ? "a newer version of lynsedb wrote it" : error.message,
      affects,
      advice: isTooNew ? "upgrade lynsedb" : advice,
    });
  }
  return { finding: list.all[0]! };
}

async function verifyOnce(
  place: InspectedCollection,
  found: FoundManifest,
  options: InspectOptions,
): Promise<CollectionReport> {
  if ("manifest" in found) return new CollectionInspection(place, found.manifest, options).run();
  const { database, collection, folder } = place;
  return {
    ...{ database, collection, folder },
    ...{ rows: 0, deletedRows: 0, writtenRows: 0, commits: 0, blobs: 0, bytesRead: 0, fields: [], indexes: [] },
    findings: [found.finding],
    findingCount: 1,
  };
}
