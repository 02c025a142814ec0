/**
 * What does a walk through a log that found damage say to a reader?
 *
 * Turns gaps, damaged texts, damaged vectors and contradictions into findings, with the rows and ids that they concern.
 */
import { fileHeaderBytes } from "../../storage/file-header.js";
import { type FindingList, idsMax } from "../../storage/inspect/finding.js";
import type { LogGap } from "../../storage/inspect/log-survey.js";
import type { StoredFiles } from "../../storage/inspect/stored-files.js";
import type { Id } from "../../types.js";
import { noRow } from "../slot-table.js";
import type { DerivedFiles } from "./derived-check.js";
import type { DamagedTexts, LogWalk } from "./log-walk.js";
import { type RowLedger, rowStates } from "./row-ledger.js";
import type { VectorDamage } from "./vector-check.js";

const mend = 'run "lynse repair", which keeps everything else, or restore the collection from a backup';

export function tellLog(
  files: StoredFiles,
  walk: LogWalk,
  damage: readonly VectorDamage[],
  { position }: DerivedFiles,
  findings: FindingList,
  isSnapshot: boolean,
): void {
  const file = files.logPath;
  for (const gap of walk.gaps) tellGap(file, gap, findings);
  if (position !== null && walk.endBytes < position.bytes) {
    const affects = `up to ${position.rowCount - walk.ledger.rows.rowCount} rows, and later changes of others`;
    findings.add({
      ...{ severity: "error", code: "log-frame", file, offset: walk.endBytes, affects, advice: mend },
      problem: `the log ends here, but a checkpoint says that it had ${position.bytes} bytes`,
      batches: [walk.lastBatch + 1, position.batch],
    });
  }
  for (const texts of walk.damagedTexts) tellTexts(file, texts, walk.ledger.rows, findings);
  for (const { offset, batch, problem } of walk.contradictions) {
    const batches = [batch, batch] as const;
    findings.add({ severity: "error", code: "references", file, offset, problem, batches, advice: mend });
  }
  for (const offset of walk.dirtyPadding) {
    const problem = "bytes behind a frame's texts, which mean nothing, are not zero";
    const advice = "nothing is lost; the disk may be failing";
    findings.add({ severity: "warning", code: "log-frame", file, offset, problem, advice });
  }
  tellEnd(file, walk, findings);
  for (const part of damage) tellVectors(part, walk, findings);
  // Files of a snapshot may be shared with a collection that goes on behind it.
  if (!isSnapshot) tellExtraBytes(files, walk, findings);
  tellDuplicates(file, walk.ledger.rows, findings);
}

function tellGap(file: string, gap: LogGap, findings: FindingList): void {
  const { offset, end, firstBatch, lastBatch } = gap;
  const batches = lastBatch >= firstBatch ? ([firstBatch, lastBatch] as const) : null;
  const which =
    batches === null ? "" : firstBatch === lastBatch ? `commit ${firstBatch}` : `commits ${firstBatch} to ${lastBatch}`;
  findings.add({
    ...{ severity: "error", code: "log-frame", file, offset, batches, advice: mend },
    problem: end > offset ? `${gap.problem}; ${end - offset} bytes cannot be read` : gap.problem,
    affects: which === "" ? null : `rows and changes of ${which}`,
  });
}

function tellTexts(
  file: string,
  { kind, offset, batch, rows }: DamagedTexts,
  ledger: RowLedger,
  findings: FindingList,
): void {
  const { ids, live, dead } = rowsAffected(ledger, rows);
  const what = kind === "metadata" ? "metadata" : "the sparse vector";
  const code = kind === "metadata" ? "metadata" : "sparse-vector";
  const beside = dead === 0 ? "" : `${live === 0 ? "" : " and "}${dead} replaced ${dead === 1 ? "row" : "rows"}`;
  findings.add({
    ...{ severity: "error", code, file, offset, ids, idCount: live, advice: mend },
    problem: `${what} does not match its checksum, in a frame of ${rows.length === 1 ? "one such row" : `${rows.length} such rows`}`,
    affects: `${what} of ${live === 0 ? "" : countOf(live, "row")}${beside}`,
    batches: [batch, batch],
  });
}

/** The end of a log that nothing vouches for. */
function tellEnd(file: string, { tornBytes, endBytes, tooNewAt }: LogWalk, findings: FindingList): void {
  if (tooNewAt !== null) {
    const problem = "a frame of a kind that only newer versions of lynsedb know";
    const advice = "upgrade lynsedb";
    findings.add({ severity: "error", code: "format-too-new", file, offset: tooNewAt, problem, advice });
  }
  if (tornBytes === 0) return;
  findings.add({
    ...{ severity: "warning", code: "log-tail", file, offset: endBytes },
    problem: `the last ${tornBytes} bytes are no whole commit: what a crash leaves, or damage to the very last commit`,
    affects: "a commit that was not confirmed, unless the disk lost it later",
    advice: "nothing has to be done: the next writable open cuts them",
  });
}

function tellVectors(
  { file, field, first, count, batch, isMissing }: VectorDamage,
  walk: LogWalk,
  findings: FindingList,
): void {
  const { rows, fields } = walk.ledger;
  const numbers: number[] = [];
  for (let at = first; at < first + count; at++) {
    const row = field === -1 ? at : fields[field]!.slots.rowOf(at);
    if (row !== noRow) numbers.push(row);
  }
  const { ids, live } = rowsAffected(rows, numbers);
  const last = first + count - 1;
  const which = count === 1 ? `vector ${first} does` : `vectors ${first} to ${last} do`;
  findings.add({
    ...{ severity: "error", code: "vectors", file: file.path, offset: fileHeaderBytes + first * file.stride },
    problem: isMissing ? `the file ends before vector ${last}` : `${which} not match their checksum`,
    affects: `one or more of the vectors of ${live === 0 ? "replaced rows" : countOf(live, "row")}`,
    ...{ ids, idCount: live, batches: [batch, batch], advice: mend },
  });
}

/** Bytes of vector files behind the last one that is committed. */
function tellExtraBytes(files: StoredFiles, { ledger }: LogWalk, findings: FindingList): void {
  for (const { path, stride, bytes, name } of files.vectorFiles) {
    const number = files.fields.findIndex((field) => field.name === name);
    const count = number === -1 ? ledger.rows.rowCount : ledger.fields[number]!.slots.count;
    const extra = bytes - (fileHeaderBytes + count * stride);
    if (extra <= 0) continue;
    const problem = `${extra} bytes follow the last vector that is committed`;
    const advice = "nothing has to be done: the next writable open cuts them";
    findings.add({ severity: "note", code: "leftover", file: path, offset: bytes - extra, problem, advice });
  }
}

function tellDuplicates(file: string, rows: RowLedger, findings: FindingList): void {
  const ids = rows.duplicateIds();
  if (ids.length === 0) return;
  findings.add({
    ...{ severity: "error", code: "duplicate-ids", file, ids, advice: mend },
    problem: `${countOf(ids.length, "id")} stand for more than one row that can be found`,
    affects: "which of the rows an id means",
  });
}

/** Ids of rows that can be found or restored, and the number of those that were replaced. */
function rowsAffected(ledger: RowLedger, rows: readonly number[]): { ids: Id[]; live: number; dead: number } {
  const ids = new Set<Id>();
  let live = 0;
  let dead = 0;
  for (const row of rows) {
    if (ledger.isLost(row)) continue;
    if (ledger.stateOf(row) === rowStates.superseded) dead += 1;
    else {
      live += 1;
      if (ids.size < idsMax) ids.add(ledger.idOf(row));
    }
  }
  return { ids: [...ids], live, dead };
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
