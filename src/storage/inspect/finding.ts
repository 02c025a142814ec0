/**
 * What does a look at stored files find wrong, and how is it told?
 *
 * Data, not text alone: a program can act on `code`, `file`, `ids`. Nothing here reads a file. Types, and the list that
 * findings are collected in, which stays small however much is wrong.
 */
import type { Id } from "../../types.js";

/**
 * `"error"`: stored bytes are damaged or contradict each other, also where they can be made anew. `"warning"`: suspicious, or
 * costs time. `"note"`: harmless, as what a crash leaves.
 */
export type Severity = "error" | "warning" | "note";

/** What kind of thing a finding is. */
export type FindingCode =
  | "root-file"
  | "database-file"
  | "lock-file"
  | "manifest"
  | "missing-file"
  | "file-header"
  | "format-too-new"
  | "log-frame"
  | "log-tail"
  | "metadata"
  | "sparse-vector"
  | "vectors"
  | "references"
  | "duplicate-ids"
  | "checkpoint"
  | "blob"
  | "index"
  | "index-recall"
  | "snapshot"
  | "leftover"
  | "unknown-file"
  | "unreadable";

export interface Finding {
  readonly severity: Severity;
  readonly code: FindingCode;
  readonly file: string;
  /** Byte of the file; null where it is about all of it. */
  readonly offset: number | null;
  /** What was found there. */
  readonly problem: string;
  /** Which rows, vectors or batches it concerns, in words; null where nothing is lost by it. */
  readonly affects: string | null;
  /** Ids of the rows that it concerns, where they are known, at most `idsMax`. */
  readonly ids: readonly Id[];
  /** Number of those rows, also of those whose ids are not listed; 0 where none, or where it cannot be known. */
  readonly idCount: number;
  /** First and last batch (commit) that it concerns; null where it concerns none, or it cannot be known. */
  readonly batches: readonly [first: number, last: number] | null;
  /** What to do. */
  readonly advice: string;
}

/** Ids that a finding lists at most. */
export const idsMax = 1000;

/** Findings that a list keeps at most. */
const findingsMax = 1000;

/** A finding as it is handed in: what is left out is null, none or 0. */
export type NewFinding = Pick<Finding, "severity" | "code" | "file" | "problem" | "advice"> & Partial<Finding>;

export class FindingList {
  readonly #kept: Finding[] = [];
  #count = 0;

  /** Kept findings in the order in which they were made. */
  get all(): readonly Finding[] {
    return this.#kept;
  }

  /** Findings that were made, kept or not. */
  get count(): number {
    return this.#count;
  }

  add(finding: NewFinding): void {
    this.#count += 1;
    if (this.#kept.length === findingsMax) return;
    const { ids = [], offset = null, affects = null, batches = null } = finding;
    const idCount = finding.idCount ?? ids.length;
    this.#kept.push({ ...finding, offset, affects, batches, ids: ids.slice(0, idsMax), idCount });
  }
}

/** True where two findings tell of the same thing: for a second look at files that a writer may be changing. */
export function isSameFinding(one: Finding, other: Finding): boolean {
  return one.code === other.code && one.file === other.file && one.offset === other.offset;
}
