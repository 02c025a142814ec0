/**
 * How are snapshots and restores asked for?
 *
 * Paths are the server's, which keeps them within its folder for snapshots. The calls take as long as they take.
 */
import type { CopyResult, ExportOptions, RestoreOptions, SnapshotOptions } from "../collection.js";
import { exportInput, pathInput, restoreInput, snapshotInput } from "../input/copy-input.js";
import type { RemoteState } from "./remote-state.js";
import type { RemoteStates } from "./remote-states.js";

/** How a call that may take long, and is not sent again, is made. */
export function longCall(signal: AbortSignal | undefined): {
  readonly kind: "write";
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: 0;
} {
  return { kind: "write", signal, timeoutMs: 0 };
}

/** What a server tells of a copy. */
export function copied({ rows, bytes }: Readonly<Record<string, unknown>>): CopyResult {
  return { rows: rows as number, bytes: bytes as number };
}

/** Asks for a snapshot of a collection, with everything that was buffered for it. */
export async function snapshotOf(
  state: RemoteState,
  path: string,
  options: SnapshotOptions | undefined,
): Promise<CopyResult> {
  const { copy, signal } = snapshotInput(options);
  const snapshot_path = pathInput(path);
  state.checkOpen();
  if (!state.pending.isIdle) await state.pending.commit();
  return copied(
    await state.transport.post("/snapshot_collection", { ...state.place, snapshot_path, copy }, longCall(signal)),
  );
}

/** Asks for an export of a collection, with everything that was buffered for it; the server tells no progress. */
export async function exportOf(
  state: RemoteState,
  path: string,
  options: ExportOptions | undefined,
): Promise<CopyResult> {
  const { blobs, signal } = exportInput(options);
  const export_path = pathInput(path);
  state.checkOpen();
  if (!state.pending.isIdle) await state.pending.commit();
  const body = { ...state.place, export_path, ...(blobs ? {} : { blobs }) };
  return copied(await state.transport.post("/export_collection", body, longCall(signal)));
}

/** Asks for a snapshot of a database, with everything that was buffered through this client. */
export async function snapshotOfDatabase(
  states: RemoteStates,
  name: string,
  path: string,
  options: SnapshotOptions | undefined,
): Promise<CopyResult> {
  const { copy, signal } = snapshotInput(options);
  const body = { database_name: name, snapshot_path: pathInput(path), copy };
  states.transport.checkOpen();
  await states.commitAll();
  return copied(await states.transport.post("/snapshot_database", body, longCall(signal)));
}

/** Asks for a database to be made of a snapshot; handles of the one that it replaces end. */
export async function restoreDatabaseFrom(
  states: RemoteStates,
  name: string,
  path: string,
  options: RestoreOptions | undefined,
): Promise<CopyResult> {
  const { overwrite, signal } = restoreInput(options);
  const body = { database_name: name, snapshot_path: pathInput(path), overwrite };
  states.transport.checkWritable();
  const answer = await states.transport.post("/restore_database", body, longCall(signal));
  states.endDatabase(name);
  return copied(answer);
}
