/**
 * `lynse search`: which rows are nearest to a vector, or to a row?
 */
import type { Command } from "commander";
import { LynseError } from "../../errors.js";
import type { Collection, ResultView, SearchPlan } from "../../index.js";
import { limits } from "../../limits.js";
import type { WhereParams } from "../../types.js";
import { parseId } from "../id-text.js";
import { formatCount, formatDuration } from "../print/quantity.js";
import { printJsonRows, printRowTable } from "../print/result-rows.js";
import { tellUnknownFields } from "../print/unknown-fields.js";
import { readQueryVector } from "../readers/query-vector.js";
import type { Terminal } from "../terminal.js";
import { addCommonOptions, type CommonOptions, nameList, whereParams, wholeNumber } from "./common-options.js";
import { useCollection } from "./open-client.js";

interface SearchFlags extends CommonOptions {
  readonly collection: string;
  readonly vector?: string;
  readonly vectorFile?: string;
  readonly like?: string;
  readonly k: number;
  readonly where?: string;
  readonly params?: WhereParams;
  readonly fields?: readonly string[];
  readonly profile?: boolean;
  readonly json?: boolean;
}

const examples = `
Examples:
  lynse search --collection docs --vector '[0.1, 0.2, 0.3, 0.4]'
  lynse search --collection docs --like 1001 -k 5 --fields title,lang
  lynse search --collection docs --vector-file query.npy --where "lang = 'en' AND rank > 3" --profile
  lynse search --collection docs --like 1001 --where 'lang = :lang' --params '{"lang": "en"}' --json
`;

export function addSearchCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("search")
    .description("find the rows nearest to a vector, or to a row")
    .requiredOption("--collection <name>", "collection to search")
    .option("--vector <json>", "query vector, a JSON array of numbers")
    .option("--vector-file <file>", "query vector in a file: .npy, .f32, or a JSON array")
    .option("--like <id>", "query with the vector of this row; the row itself is left out")
    .option("-k <n>", "rows to find", wholeNumber(1, limits.kMax), 10)
    .option("--where <filter>", "only rows that match, as: lang = 'en' AND rank > 3")
    .option("--params <json>", "values of the filter's :name parameters", whereParams)
    .option("--fields <names>", "fields to show, separated by commas (default: all)", nameList)
    .option("--profile", "also tell how the search was done")
    .option("--json", "one JSON object a line instead of a table")
    .addHelpText("after", examples);
  addCommonOptions(command).action(async (flags: SearchFlags) => {
    const given = [flags.vector, flags.vectorFile, flags.like].filter((value) => value !== undefined);
    if (given.length !== 1) command.error("error: exactly one of --vector, --vector-file and --like is wanted");
    if (flags.params !== undefined && flags.where === undefined) command.error("error: --params belongs to --where");
    await useCollection(flags, "read", (collection) => search(collection, flags, terminal));
  });
}

async function search(collection: Collection, flags: SearchFlags, terminal: Terminal): Promise<void> {
  const [, dim] = await collection.shape();
  const likeId = flags.like === undefined ? null : parseId(flags.like);
  const vector = likeId === null ? await readQueryVector(flags, dim) : (await collection.get(likeId)).vectors?.[0];
  if (vector === undefined) throw new LynseError("INTERNAL", "the row that was found has no vector; please report it");
  // One row more than asked for, since the row that is asked about finds itself.
  const k = likeId === null ? flags.k : Math.min(flags.k + 1, limits.kMax);
  const { items, profile } = await collection.searchProfile(vector, {
    k,
    returnFields: true,
    ...(flags.where === undefined ? {} : { where: flags.where }),
    ...(flags.params === undefined ? {} : { params: flags.params }),
  });
  const rows = [...items].filter((row) => row.id !== likeId).slice(0, flags.k);
  if (flags.json === true) {
    await printJsonRows(terminal, rows, flags.fields ?? null);
    if (flags.profile === true) await terminal.print(JSON.stringify({ profile }));
    return;
  }
  if (rows.length === 0) terminal.write("no row matches\n");
  else await printRowTable(terminal, rows, { fields: flags.fields ?? null, valueTitle: valueTitle(items) });
  tellUnknownFields(terminal, profile);
  if (flags.profile === true)
    for (const line of profileLines(profile, flags.where !== undefined)) await terminal.print(line);
}

function valueTitle(items: ResultView): "score" | "distance" {
  return items.metric === "l2" ? "distance" : "score";
}

function profileLines(profile: SearchPlan, hasFilter: boolean): string[] {
  const us = (microseconds: number): string => formatDuration(microseconds / 1000);
  const matches =
    `${formatCount(profile.matches)} match the filter ` +
    `(${formatCount(Math.round(profile.matchesEstimated))} estimated)`;
  return [
    "",
    `plan      ${profile.plan}, first pass ${profile.firstPass}, index ${profile.index}, metric ${profile.metric}`,
    `rows      ${formatCount(profile.rows)} live, ${hasFilter ? matches : "no filter"}`,
    `scored    ${formatCount(profile.rowsScored)} in the first pass, ` +
      `${formatCount(profile.rowsRescored)} again exactly`,
    `time      ${us(profile.totalUs)}: filter ${us(profile.filterUs)}, search ${us(profile.searchUs)}, ` +
      `fetch ${us(profile.fetchUs)}`,
  ];
}
