/**
 * `lynse info`: what is in a data directory, or in one collection of it?
 */
import type { Command } from "commander";
import { isLynseError } from "../../errors.js";
import type { Collection, CollectionStats, Database, VectorDBClient } from "../../index.js";
import { labelledLines } from "../print/labelled-lines.js";
import { countOf, formatBytes, formatCount } from "../print/quantity.js";
import { formatTable, type TableColumn } from "../print/table.js";
import type { Terminal } from "../terminal.js";
import { addCommonOptions, type CommonOptions } from "./common-options.js";
import { useClient } from "./open-client.js";

interface InfoFlags extends Omit<CommonOptions, "database"> {
  readonly database?: string;
  readonly collection?: string;
  readonly json?: boolean;
}

const examples = `
Examples:
  lynse info --data ./data
  lynse info --collection docs
  lynse info --collection docs --json
`;

export function addInfoCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("info")
    .description("show databases and collections, or everything about one collection")
    .option("--collection <name>", "collection to show")
    .option("--json", "JSON instead of a table")
    .addHelpText("after", examples);
  addCommonOptions(command).action(async (_flags: unknown, self: Command) => {
    // Without a collection the default database is no restriction; only a database that was named is one.
    const flags: InfoFlags = self.opts();
    const isNamed = self.getOptionValueSource("database") !== "default";
    const database = isNamed || flags.collection !== undefined ? (flags.database ?? null) : null;
    await useClient({ ...flags, database: database ?? "default" }, "read", async (client) => {
      if (flags.collection === undefined) await showDatabases(client, database, flags, terminal);
      else await showCollection(client, database ?? "default", flags.collection, flags, terminal);
    });
  });
}

/** One collection in the list; a damaged one has the reason instead of figures, and the others are shown as ever. */
interface Entry {
  readonly database: string;
  readonly collection: string;
  readonly stats: CollectionStats | null;
  readonly error: string | null;
}

async function showDatabases(
  client: VectorDBClient,
  only: string | null,
  flags: InfoFlags,
  terminal: Terminal,
): Promise<void> {
  const names = only === null ? await client.listDatabases() : [only];
  const entries: Entry[] = [];
  for (const name of names) {
    const database = await client.getDatabase(name);
    for (const collection of await database.listCollections()) {
      entries.push({ database: name, collection, ...(await statsOf(database, collection)) });
    }
  }
  if (flags.json === true) {
    for (const { stats, error, ...entry } of entries) {
      await terminal.print(JSON.stringify({ ...entry, ...(error === null ? stats : { error }) }));
    }
    return;
  }
  await terminal.print(
    `${countOf(names.length, "database")}, ${countOf(entries.length, "collection")} in ${client.uri}`,
  );
  if (entries.length === 0) return;
  const style = { width: terminal.tableWidth, hasColour: terminal.hasColour };
  await terminal.print("");
  for (const line of formatTable(listColumns, entries.map(listRow), style).lines) await terminal.print(line);
}

async function statsOf(database: Database, name: string): Promise<Pick<Entry, "stats" | "error">> {
  try {
    return { stats: await (await database.getCollection(name)).stats(), error: null };
  } catch (error) {
    if (!isLynseError(error)) throw error;
    return { stats: null, error: error.message };
  }
}

const listColumns: readonly TableColumn[] = [
  { title: "database", align: "left", canShrink: false },
  { title: "collection", align: "left", canShrink: false },
  { title: "rows", align: "right", canShrink: false },
  { title: "dim", align: "right", canShrink: false },
  { title: "index", align: "left" },
  { title: "disk", align: "right", canShrink: false },
  { title: "memory", align: "right", canShrink: false },
  { title: "", align: "left" },
];

function listRow({ database, collection, stats, error }: Entry): string[] {
  if (stats === null) return [database, collection, "", "", "", "", "", error ?? ""];
  return [
    database,
    collection,
    formatCount(stats.rows),
    stats.dim === null ? "" : String(stats.dim),
    stats.index ?? "none",
    formatBytes(stats.disk.totalBytes),
    formatBytes(stats.memory.totalBytes),
    "",
  ];
}

async function showCollection(
  client: VectorDBClient,
  databaseName: string,
  name: string,
  flags: InfoFlags,
  terminal: Terminal,
): Promise<void> {
  const database = await client.getDatabase(databaseName);
  const collection = await database.getCollection(name);
  const stats = await collection.stats();
  const fields = await collection.listFields();
  if (flags.json === true) {
    await terminal.print(JSON.stringify({ database: databaseName, collection: name, fields, ...stats }));
    return;
  }
  const entries = describe(collection, stats, fields, stats.description);
  for (const line of labelledLines(entries, terminal.tableWidth)) await terminal.print(line);
}

function describe(
  collection: Collection,
  stats: CollectionStats,
  fields: readonly string[],
  description: string | null,
): [label: string, text: string][] {
  const { disk, memory } = stats;
  return [
    ["collection", `${collection.databaseName}/${collection.name}`],
    ...(description === null || description === "" ? [] : [["description", description] as [string, string]]),
    [
      "rows",
      `${formatCount(stats.rows)} (${formatCount(stats.deleted)} deleted, ${formatCount(stats.superseded)} replaced)`,
    ],
    ["vectors", `${stats.dim ?? "any"} × ${stats.dtype}`],
    ["index", `${stats.index ?? "none"}, metric ${stats.metric}${indexText(stats)}`],
    ...vectorFieldLines(stats),
    ...signalLines(stats),
    ["fields", fields.length === 0 ? "none" : fields.join(", ")],
    ["largest id", stats.maxId < 0 ? "none" : String(stats.maxId)],
    [
      "disk",
      `${formatBytes(disk.totalBytes)}: log ${formatBytes(disk.logBytes)}, vectors ${formatBytes(disk.vectorBytes)}, ` +
        `derived ${formatBytes(disk.derivedBytes)}, index ${formatBytes(disk.indexBytes)}`,
    ],
    ["", `${formatBytes(disk.reclaimableBytes)} to be had by lynse compact, generation ${stats.generation}`],
    [
      "memory",
      `${formatBytes(memory.totalBytes)}: vectors ${formatBytes(memory.vectorBytes)}, ` +
        `codes ${formatBytes(memory.codeBytes)}, ids ${formatBytes(memory.idBytes)}`,
    ],
    [
      "",
      `row table ${formatBytes(memory.rowTableBytes)}, columns ${formatBytes(memory.columnBytes)}, ` +
        `index ${formatBytes(memory.indexBytes)}`,
    ],
    ["", `text index ${formatBytes(memory.textBytes)}, sparse vectors ${formatBytes(memory.sparseBytes)}`],
  ];
}

/** Named vector fields, one a line. */
function vectorFieldLines({ vectorFields }: CollectionStats): [label: string, text: string][] {
  return vectorFields.map((field, at) => [
    at === 0 ? "vector fields" : "",
    `${field.name}: ${field.dim} × ${field.dtype}, index ${field.index ?? "none"}, metric ${field.metric}, ` +
      `${countOf(field.rows, "row")}`,
  ]);
}

/** What else the collection can be searched by. */
function signalLines({ textRows, sparseRows, embedder }: CollectionStats): [label: string, text: string][] {
  const lines: [label: string, text: string][] = [];
  if (textRows !== null) lines.push(["text index", `covers ${countOf(textRows, "row")}`]);
  if (sparseRows > 0) lines.push(["sparse", `${countOf(sparseRows, "row")} with a sparse vector`]);
  if (embedder !== null) lines.push(["embedder", `${embedder.name}, ${embedder.dim} numbers`]);
  return lines;
}

/** State of an index that is more than the stored rows. */
function indexText({ indexState }: CollectionStats): string {
  const { state, rows, tailRows, failure } = indexState;
  if (state === "flat") return "";
  if (state === "failed") return `: it could not be built (${failure}), searches are exact`;
  if (state !== "ready") return ": not built yet, searches are exact";
  const tail = tailRows === 0 ? "" : `, ${formatCount(tailRows)} newer ones are searched exactly`;
  return `, covers ${formatCount(rows)} rows${tail}`;
}
