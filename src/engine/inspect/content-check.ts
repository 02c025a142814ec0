/**
 * Do bytes that match their checksums also mean something?
 *
 * Metadata is JSON objects, sparse vectors can be decoded, components are finite. Wrong ones would be a defect of the program
 * that wrote them, not of the disk.
 */

import { decodeSparse } from "../../sparse/sparse-vector.js";
import type { FileHandle } from "../../storage/file-system.js";
import type { FindingList } from "../../storage/inspect/finding.js";
import { LogSurvey } from "../../storage/inspect/log-survey.js";
import type { StoredFiles } from "../../storage/inspect/stored-files.js";
import type { LogWalk } from "./log-walk.js";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export async function contentCheck(
  files: StoredFiles,
  walk: LogWalk,
  findings: FindingList,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { fs, log, saltBytes, logPath } = files;
  if (log === null) return;
  const survey = new LogSurvey({ fs, handle: log, saltBytes, bytes: walk.endBytes }, { readsTexts: false, signal });
  for await (const event of survey.events()) {
    if (event.kind !== "frame") continue;
    const { content } = event;
    const parts =
      content.kind === "rows"
        ? { offset: content.rows.fieldOffset, lengths: content.rows.fieldLengths, isJson: true }
        : content.kind === "sparse"
          ? { offset: content.part.offset, lengths: content.part.lengths, isJson: false }
          : null;
    if (parts === null) continue;
    const bad = await badTexts(log, parts);
    if (bad.length === 0) continue;
    const rows = bad.map((at) =>
      content.kind === "rows" ? content.rows.firstRow + at : content.kind === "sparse" ? content.part.rows[at]! : 0,
    );
    const ids = rows.map((row) => walk.ledger.rows.idOf(row));
    const what = parts.isJson ? "metadata is no JSON object" : "a sparse vector cannot be decoded";
    findings.add({
      ...{ severity: "error", code: parts.isJson ? "metadata" : "sparse-vector", file: logPath, offset: event.offset },
      ...{ problem: `${what}, though it matches its checksum`, ids, idCount: ids.length },
      affects: `${ids.length} rows`,
      advice: "a defect of the program that wrote it, worth a report; write these rows again",
    });
  }
}

async function badTexts(
  log: FileHandle,
  { offset, lengths, isJson }: { readonly offset: number; readonly lengths: Uint32Array; readonly isJson: boolean },
): Promise<number[]> {
  const bad: number[] = [];
  let position = offset;
  let chunk = new Uint8Array(0);
  let chunkStart = 0;
  const end = lengths.reduce((sum, length) => sum + length, offset);
  for (const [at, length] of lengths.entries()) {
    if (position + length > chunkStart + chunk.length) {
      chunk = new Uint8Array(Math.min(end - position, Math.max(length, 1024 * 1024)));
      chunkStart = position;
      await log.read(chunk, position);
    }
    const bytes = chunk.subarray(position - chunkStart, position - chunkStart + length);
    if (length > 0 && !(isJson ? isJsonObject(bytes) : decodeSparse(bytes.slice()) !== null)) bad.push(at);
    position += length;
  }
  return bad;
}

function isJsonObject(bytes: Uint8Array): boolean {
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
