/**
 * How much may an operator's databases grow to?
 *
 * Bounds below those of the format, chosen by whoever runs the process. They hold for what a commit would leave, buffered rows
 * included, so a transaction that passes one is refused whole and nothing of it is stored; deleting is always allowed.
 */
import { LynseError } from "../errors.js";
import type { Transaction } from "../storage/transaction.js";

export interface Quotas {
  /** Live rows of a collection. */
  readonly rowsMax?: number;
  /** Bytes of a collection's log and vectors on disk: replaced and deleted rows count until `compact`. */
  readonly bytesMax?: number;
  /** Collections of a database. */
  readonly collectionsMax?: number;
  /** Databases of a root. */
  readonly databasesMax?: number;
}

/** Names of the quotas. */
export const quotaNames = ["rowsMax", "bytesMax", "collectionsMax", "databasesMax"] as const;
type QuotaName = (typeof quotaNames)[number];

const advice: Readonly<Record<QuotaName, string>> = {
  rowsMax: "delete rows or raise it",
  bytesMax: "delete rows and compact, or raise it",
  collectionsMax: "drop a collection or raise it",
  databasesMax: "drop a database or raise it",
};

/** Throws `LIMIT_EXCEEDED` when `value` is above the quota of that name; `what` begins the message. */
export function checkQuota(quotas: Quotas, name: QuotaName, value: number, what: string): void {
  const max = quotas[name];
  if (max === undefined || value <= max) return;
  const message = `${what} would be ${value}, above the quota ${name} = ${max}; ${advice[name]}`;
  throw new LynseError("LIMIT_EXCEEDED", message, { limit: `quotas.${name}`, max, got: value });
}

/** What transactions that are not written yet make of a collection. */
export interface Growth {
  liveRows: number;
  bytes: number;
}

/**
 * Adds what a transaction makes of a collection to `growth`, where the quotas allow it. Rows that are not committed are those
 * of the transaction itself, or of others that are written together with it.
 */
export function growBy(
  quotas: Quotas,
  growth: Growth,
  transaction: Transaction,
  committed: { readonly rowCount: number; isLive(row: number): boolean },
): void {
  const { rows, superseded, deleted, restored, fieldVectors = [], sparse = [] } = transaction;
  const isCounted = (row: number): boolean => row >= committed.rowCount || committed.isLive(row);
  let { liveRows, bytes } = growth;
  for (const part of rows) {
    liveRows += part.rowCount;
    bytes += part.fieldBytes.length + sumOf(part.vectorBytes);
  }
  for (const part of fieldVectors) bytes += sumOf(part.vectorBytes);
  for (const part of sparse) bytes += part.bytes.length;
  liveRows += restored.length;
  for (const row of superseded) if (isCounted(row)) liveRows -= 1;
  for (const row of deleted) if (isCounted(row)) liveRows -= 1;
  if (liveRows > growth.liveRows) checkQuota(quotas, "rowsMax", liveRows, "the number of live rows");
  if (bytes > growth.bytes) checkQuota(quotas, "bytesMax", bytes, "the bytes of the collection");
  growth.liveRows = liveRows;
  growth.bytes = bytes;
}

function sumOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((bytes, piece) => bytes + piece.length, 0);
}
