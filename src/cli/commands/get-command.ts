/**
 * `lynse get`: what is stored under an id?
 */
import type { Command } from "commander";
import type { Collection, ResultRow } from "../../index.js";
import { formatId, parseId } from "../id-text.js";
import { formatCell } from "../print/cell.js";
import { labelledLines } from "../print/labelled-lines.js";
import { printJsonRows } from "../print/result-rows.js";
import type { Terminal } from "../terminal.js";
import { addCommonOptions, type CommonOptions } from "./common-options.js";
import { useCollection } from "./open-client.js";

interface GetFlags extends CommonOptions {
  readonly collection: string;
  readonly json?: boolean;
}

/** Numbers of a vector that are shown. */
const numbersShown = 8;

const examples = `
An id that is a whole number is a number id; put it in double quotes for a text id: '"42"'.

Examples:
  lynse get 1001 --collection docs
  lynse get intro '"42"' --collection docs --json
`;

export function addGetCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("get")
    .description("show rows by their ids, with every field and the vector")
    .argument("<ids...>", "ids of the rows")
    .requiredOption("--collection <name>", "collection to look in")
    .option("--json", "one JSON object a line, with the whole vector")
    .addHelpText("after", examples);
  addCommonOptions(command).action(async (ids: string[], flags: GetFlags) => {
    await useCollection(flags, "read", (collection) => get(collection, ids, flags, terminal));
  });
}

async function get(collection: Collection, ids: readonly string[], flags: GetFlags, terminal: Terminal): Promise<void> {
  const rows = [...(await collection.get(ids.map(parseId)))];
  if (flags.json === true) {
    await printJsonRows(terminal, rows, null);
    return;
  }
  for (const [at, row] of rows.entries()) {
    if (at > 0) await terminal.print("");
    await printRow(terminal, row);
  }
}

/** A row from top to bottom, nothing cut off. */
async function printRow(terminal: Terminal, row: ResultRow): Promise<void> {
  const entries: [string, string][] = [["id", formatId(row.id)]];
  for (const [name, value] of Object.entries(row.field ?? {})) entries.push([name, formatCell(value)]);
  if (row.vector !== undefined) entries.push(["vector", vectorText(row.vector)]);
  for (const line of labelledLines(entries, terminal.tableWidth)) await terminal.print(line);
}

function vectorText(vector: Float32Array): string {
  const shown = Array.from(vector.subarray(0, numbersShown), (number) => Number(number.toPrecision(6)));
  const rest = vector.length > numbersShown ? `, … (${vector.length} numbers)` : "";
  return `${shown.join(", ")}${rest}`;
}
