/**
 * `lynse query`: which rows match a filter?
 */
import { type Command, InvalidArgumentError } from "commander";
import type { Collection, OrderBy, QueryOptions } from "../../index.js";
import type { WhereParams } from "../../types.js";
import { printJsonRows, printRowTable } from "../print/result-rows.js";
import { tellNoMatch } from "../print/unknown-fields.js";
import type { Terminal } from "../terminal.js";
import { addCommonOptions, type CommonOptions, nameList, whereParams, wholeNumber } from "./common-options.js";
import { useCollection } from "./open-client.js";

interface QueryFlags extends CommonOptions {
  readonly collection: string;
  readonly where?: string;
  readonly params?: WhereParams;
  readonly orderBy?: OrderBy;
  readonly limit: number;
  readonly cursor?: string;
  readonly fields?: readonly string[];
  readonly json?: boolean;
}

/** Rows of one page where many are asked for: a page at a time is in memory. */
const pageRows = 1000;

const examples = `
Examples:
  lynse query --collection docs --where "lang = 'en'" --order-by rank:desc --limit 20
  lynse query --collection docs --where 'tags CONTAINS :tag' --params '{"tag": "python"}' --fields title
  lynse query --collection docs --limit all --json > docs.jsonl
`;

export function addQueryCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("query")
    .description("list the rows that match a filter")
    .requiredOption("--collection <name>", "collection to query")
    .option("--where <filter>", "only rows that match (default: every row)")
    .option("--params <json>", "values of the filter's :name parameters", whereParams)
    .option("--order-by <field[:desc]>", "order by a field (default: order of insertion)", orderBy)
    .option("--limit <n|all>", "most rows to list", limit, 20)
    .option("--cursor <text>", "continue behind an earlier page of the same query")
    .option("--fields <names>", "fields to show, separated by commas (default: all)", nameList)
    .option("--json", "one JSON object a line instead of a table")
    .addHelpText("after", examples);
  addCommonOptions(command).action(async (flags: QueryFlags) => {
    if (flags.params !== undefined && flags.where === undefined) command.error("error: --params belongs to --where");
    await useCollection(flags, "read", (collection) => query(collection, flags, terminal));
  });
}

function orderBy(text: string): OrderBy {
  const found = /^(.*?)(?::(asc|desc))?$/i.exec(text);
  const field = found?.[1] ?? "";
  if (field === "") throw new InvalidArgumentError("A field is wanted, as rank or rank:desc.");
  return { field, direction: found?.[2]?.toLowerCase() === "desc" ? "desc" : "asc" };
}

function limit(text: string): number {
  return text === "all" ? Number.MAX_SAFE_INTEGER : wholeNumber(1, Number.MAX_SAFE_INTEGER)(text);
}

async function query(collection: Collection, flags: QueryFlags, terminal: Terminal): Promise<void> {
  let cursor = flags.cursor ?? null;
  let left = flags.limit;
  let isFirst = true;
  do {
    const options: QueryOptions = {
      limit: Math.min(left, pageRows),
      ...(flags.where === undefined ? {} : { where: flags.where }),
      ...(flags.params === undefined ? {} : { params: flags.params }),
      ...(flags.orderBy === undefined ? {} : { orderBy: flags.orderBy }),
      ...(cursor === null ? {} : { cursor }),
    };
    const page = await collection.query(options);
    if (flags.json === true) await printJsonRows(terminal, page, flags.fields ?? null);
    else if (page.length === 0 && isFirst) await tellNoMatch(terminal, collection, flags);
    else await printRowTable(terminal, [...page], { fields: flags.fields ?? null, valueTitle: null });
    left -= page.length;
    cursor = page.cursor;
    isFirst = false;
  } while (cursor !== null && left > 0);
  if (cursor !== null) terminal.write(`more rows match: continue with --cursor ${cursor}\n`);
}
