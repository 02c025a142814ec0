/**
 * `lynse delete`: take rows out of a collection.
 *
 * Says how many rows it is about before anything happens. On a terminal it asks; elsewhere it wants `--yes`.
 */
import type { Command } from "commander";
import type { Collection, Selection } from "../../index.js";
import type { Id, WhereParams } from "../../types.js";
import { countOf } from "../print/quantity.js";
import { tellNoMatch } from "../print/unknown-fields.js";
import type { Terminal } from "../terminal.js";
import { addCommonOptions, type CommonOptions, idList, whereParams } from "./common-options.js";
import { useCollection } from "./open-client.js";

interface DeleteFlags extends CommonOptions {
  readonly collection: string;
  readonly ids?: readonly Id[];
  readonly where?: string;
  readonly params?: WhereParams;
  readonly yes?: boolean;
}

const examples = `
Deleted rows leave every search at once; their space comes back with "lynse compact".

Examples:
  lynse delete --collection docs --ids 1001,1002
  lynse delete --collection docs --where "lang = 'la'" --yes
`;

export function addDeleteCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("delete")
    .description("delete rows by their ids or by a filter")
    .requiredOption("--collection <name>", "collection to delete from")
    .option("--ids <ids>", "ids of the rows, separated by commas", idList)
    .option("--where <filter>", "the rows that match")
    .option("--params <json>", "values of the filter's :name parameters", whereParams)
    .option("--yes", "do not ask")
    .addHelpText("after", examples);
  addCommonOptions(command).action(async (flags: DeleteFlags) => {
    if ((flags.ids === undefined) === (flags.where === undefined)) {
      command.error("error: exactly one of --ids and --where is wanted");
    }
    if (flags.params !== undefined && flags.where === undefined) command.error("error: --params belongs to --where");
    if (flags.yes !== true && !terminal.canAsk) {
      command.error("error: there is no terminal to ask on; add --yes to delete without a question");
    }
    await useCollection(flags, "write", (collection) => deleteRows(collection, flags, terminal));
  });
}

async function deleteRows(collection: Collection, flags: DeleteFlags, terminal: Terminal): Promise<void> {
  const params = flags.params === undefined ? {} : { params: flags.params };
  const ids = [...new Set(flags.ids ?? [])];
  const selection: Selection = flags.where === undefined ? ids : { where: flags.where, ...params };
  const count =
    flags.where === undefined
      ? await countExisting(collection, ids)
      : await collection.count({ where: flags.where, ...params });
  const missing = flags.where === undefined ? ids.length - count : 0;
  if (missing > 0) terminal.write(`${countOf(missing, "id")} not in the collection\n`);
  const name = `${collection.databaseName}/${collection.name}`;
  if (count === 0) {
    if (flags.where === undefined) await terminal.print(`no row of ${name} to delete`);
    else await tellNoMatch(terminal, collection, flags);
    return;
  }
  await terminal.print(`${countOf(count, "row")} of ${name} will be deleted`);
  if (flags.yes !== true && !(await terminal.confirm("Delete?"))) {
    await terminal.print("nothing was deleted");
    return;
  }
  await terminal.print(`${countOf(await collection.delete(selection), "row")} deleted`);
}

async function countExisting(collection: Collection, ids: readonly Id[]): Promise<number> {
  let count = 0;
  for (const id of ids) if (await collection.isIdExists(id)) count += 1;
  return count;
}
