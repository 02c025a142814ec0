/**
 * What is left of rows that a repair cannot keep?
 *
 * A line of JSON a row: its id, its metadata where that is whole, and why it is lost. So that they can be embedded and added
 * again: `lynse import lost-rows.jsonl`.
 */
import type { FileSystem } from "../../storage/file-system.js";
import { fates, type LossPlan } from "./loss-plan.js";
import { rowStates } from "./row-ledger.js";
import type { Salvage } from "./salvage.js";

const flushBytes = 1024 * 1024;

/** Writes the file, durably but for its name; resolves to the number of rows in it. */
export async function writeLostRows(
  fs: FileSystem,
  path: string,
  salvage: Salvage,
  { fates: all, badVectors }: LossPlan,
): Promise<number> {
  const { rows } = salvage.ledger;
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const handle = await fs.open(path, "write");
  let count = 0;
  try {
    let position = 0;
    let lines = "";
    const flush = async (): Promise<void> => {
      const bytes = encoder.encode(lines);
      await handle.write(bytes, position);
      position += bytes.length;
      lines = "";
    };
    await handle.truncate(0);
    for (const row of badVectors) {
      if (all[row] !== fates.gone || rows.isLost(row) || rows.stateOf(row) === rowStates.superseded) continue;
      const text = await salvage.metadataOf(row);
      const field = text === null || text.length === 0 ? "" : `,"field":${decoder.decode(text)}`;
      const missing = text === null ? `,"metadata":"damaged"` : "";
      const deleted = rows.stateOf(row) === rowStates.deleted ? `,"deleted":true` : "";
      lines += `{"id":${JSON.stringify(rows.idOf(row))}${field}${missing}${deleted}}\n`;
      count += 1;
      if (lines.length > flushBytes) await flush();
    }
    await flush();
    await handle.sync();
  } finally {
    await handle.close();
  }
  return count;
}
