/**
 * `lynse query`: which rows match a filter?
 */
import { type Command, InvalidArgumentError } from "commander";
import type { Collection, OrderBy, QueryOptions, ResultView } from "../../index.js";
import { limits } from "../../limits.js";
import type { WhereParams } from "../../types.js";
import { printFacets } from "../print/facet-tables.js";
import { foundRows, printFoundJson, printFoundTable } from "../print/found-rows.js";
import { tellNoMatch } from "../print/unknown-fields.js";
import type { Terminal } from "../terminal.js";
import { addCommonOptions, type CommonOptions, nameList, whereParams, wholeNumber } from "./common-options.js";
import { useCollection } from "./open-client.js";
import { addRankOptions, type RankFlags, rankMistake, rankOptions } from "./rank-options.js";

interface QueryFlags extends CommonOptions, RankFlags {
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
  lynse query --collection docs --where 'rank > 3' --facet lang,tags=20 --limit 1
  lynse query --collection docs --order-by rank:desc --group-by lang --group-size 3
`;

export function addQueryCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("query")
    .description("list the rows that match a filter")
    .requiredOption("--collection <name>", "collection to query")
    .option("--where <filter>", "only rows that match (default: every row)")
    .option("--params <json>", "values of the filter's :name parameters", whereParams)
    .option("--order-by <field[:desc]>", "order by a field (default: order of insertion)", orderBy)
    .option("--limit <n|all>", "most rows to list, or groups", limit, 20)
    .option("--cursor <text>", "continue behind an earlier page of the same query");
  addRankOptions(command)
    .option("--fields <names>", "fields to show, separated by commas (default: all)", nameList)
    .option("--json", "one JSON object a line instead of a table")
    .addHelpText("after", examples);
  addCommonOptions(command).action(async (flags: QueryFlags) => {
    const mistake = rankMistake(flags) ?? cursorMistake(flags);
    if (mistake !== null) command.error(`error: ${mistake}`);
    await useCollection(flags, "read", (collection) => query(collection, flags, terminal));
  });
}

/** What is wrong with a cursor; null where nothing is. */
function cursorMistake(flags: QueryFlags): string | null {
  return flags.cursor !== undefined && flags.groupBy !== undefined ? "--cursor does not go with --group-by" : null;
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
  const shown = { fields: flags.fields ?? null, groupBy: flags.groupBy ?? null };
  let cursor = flags.cursor ?? null;
  let left = flags.limit;
  let facets: ResultView["facets"] = null;
  let isFirst = true;
  do {
    const page = await collection.query({
      ...filterOf(flags),
      // Groups come all at once; counts are of all rows that match, so one page tells them.
      limit: Math.min(left, flags.groupBy === undefined ? pageRows : limits.kMax),
      ...(cursor === null ? {} : { cursor }),
      ...(isFirst ? rankOptions(flags) : {}),
    });
    const rows = foundRows(page, null, page.length);
    if (flags.json === true) await printFoundJson(terminal, rows, shown);
    else if (page.length === 0 && isFirst) await tellNoMatch(terminal, collection, flags);
    else await printFoundTable(terminal, rows, { ...shown, metric: null });
    facets ??= page.facets;
    left -= page.length;
    cursor = page.cursor;
    isFirst = false;
  } while (cursor !== null && left > 0 && flags.groupBy === undefined);
  if (facets !== null) {
    if (flags.json === true) await terminal.print(JSON.stringify({ facets }));
    else await printFacets(terminal, facets);
  }
  if (cursor !== null) terminal.write(`more rows match: continue with --cursor ${cursor}\n`);
}

function filterOf(flags: QueryFlags): Pick<QueryOptions, "where" | "params" | "orderBy"> {
  return {
    ...(flags.where === undefined ? {} : { where: flags.where }),
    ...(flags.params === undefined ? {} : { params: flags.params }),
    ...(flags.orderBy === undefined ? {} : { orderBy: flags.orderBy }),
  };
}
