/**
 * `lynse snapshot` and `lynse restore`: keep a database or a collection as it is now, and bring it back.
 */
import { resolve } from "node:path";
import type { Command } from "commander";
import type { CopyResult } from "../../index.js";
import { countOf, formatBytes, formatDuration } from "../print/quantity.js";
import type { Terminal } from "../terminal.js";
import { clientPlace } from "./client-place.js";
import { addCommonOptions, type CommonOptions, isServerUri } from "./common-options.js";
import { useClient } from "./open-client.js";

const snapshotExamples = `
Whoever writes to the data goes on. A snapshot of a directory has bytes of its own; one that a
server takes shares them with its data where it can, unless --copy is given. With --uri the path
lies in the server's --snapshot-dir.

Examples:
  lynse snapshot backups/monday
  lynse snapshot backups/docs --collection docs
  lynse snapshot monday --uri http://127.0.0.1:7637 --copy
`;

const restoreExamples = `
All of a snapshot is verified before anything is touched. What has the name already stays, unless
--overwrite is given; then it is replaced at once.

Examples:
  lynse restore backups/monday --database monday
  lynse restore backups/docs --collection docs --overwrite
`;

type SnapshotFlags = CommonOptions & { readonly collection?: string; readonly copy?: boolean };
type RestoreFlags = CommonOptions & { readonly collection?: string; readonly overwrite?: boolean };

export function addSnapshotCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("snapshot")
    .argument("<path>", "folder to make, which is not there yet")
    .description("keep a database, or one collection of it, as it is now")
    .option("--collection <name>", "one collection (default: all of the database)")
    .option("--copy", "copy every byte, though files could share them")
    .addHelpText("after", snapshotExamples);
  addCommonOptions(command).action(async (path: string, flags: SnapshotFlags) => {
    const startedAt = performance.now();
    const place = placeOf(path, flags);
    const options = { copy: flags.copy ?? false };
    const copied = await useClient(flags, "read", async (client) => {
      if (flags.collection === undefined) return client.snapshotDatabase(flags.database, place, options);
      return (await client.getDatabase(flags.database)).snapshotCollection(flags.collection, place, options);
    });
    await terminal.print(`${summaryOf(copied, startedAt)} in the snapshot ${path}`);
  });
}

export function addRestoreCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("restore")
    .argument("<path>", "folder of a snapshot")
    .description("make a database, or a collection, of a snapshot")
    .option("--collection <name>", "collection to make of the snapshot of a collection")
    .option("--overwrite", "replace what has the name")
    .addHelpText("after", restoreExamples);
  addCommonOptions(command).action(async (path: string, flags: RestoreFlags) => {
    const startedAt = performance.now();
    const place = placeOf(path, flags);
    const options = { overwrite: flags.overwrite ?? false };
    const copied = await useClient(flags, "write", async (client) => {
      if (flags.collection === undefined) return client.restoreDatabase(flags.database, place, options);
      const database = await client.createDatabase(flags.database);
      return database.restoreCollection(flags.collection, place, options);
    });
    const what = flags.collection === undefined ? `database ${flags.database}` : `collection ${flags.collection}`;
    await terminal.print(`${summaryOf(copied, startedAt)} restored as ${what}`);
  });
}

/** A path of this machine is made absolute; one of a server is the server's business. */
function placeOf(path: string, flags: CommonOptions): string {
  const { uri } = clientPlace(flags, process.env);
  return uri !== undefined && isServerUri(uri) ? path : resolve(path);
}

function summaryOf({ rows, bytes }: CopyResult, startedAt: number): string {
  return `${countOf(rows, "row")}, ${formatBytes(bytes)}, ${formatDuration(performance.now() - startedAt)};`;
}
