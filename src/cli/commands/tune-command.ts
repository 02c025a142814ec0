/**
 * `lynse tune`: which index suits a collection?
 */
import { writeFile } from "node:fs/promises";
import { type Command, InvalidArgumentError } from "commander";
import { LynseError } from "../../errors.js";
import type { Collection } from "../../index.js";
import { limits } from "../../limits.js";
import type { WhereParams } from "../../types.js";
import { labelledLines } from "../print/labelled-lines.js";
import { formatCount } from "../print/quantity.js";
import { StageLine } from "../print/stage-line.js";
import type { Terminal } from "../terminal.js";
import { checkModes } from "../tune/check-modes.js";
import { measureExact, measureMode, type TuneTask } from "../tune/measure-mode.js";
import { type Recommendation, recommend } from "../tune/recommendation.js";
import { tuneFacts } from "../tune/tune-facts.js";
import { candidateModes, exactMode } from "../tune/tune-modes.js";
import { tunePage } from "../tune/tune-page.js";
import type { TuneMode, TuneReport } from "../tune/tune-report.js";
import { tuneTable } from "../tune/tune-table.js";
import { copyForTuning } from "../tune/tuning-copy.js";
import { addCommonOptions, type CommonOptions, nameList, whereParams, wholeNumber } from "./common-options.js";
import { useCollection } from "./open-client.js";

interface TuneFlags extends CommonOptions {
  readonly collection: string;
  readonly queries: number;
  readonly k: number;
  readonly targetRecall: number;
  readonly modes?: readonly string[];
  readonly where?: string;
  readonly params?: WhereParams;
  readonly sampleRows: number;
  readonly seed: number;
  readonly html?: string;
  readonly json?: boolean;
}

const examples = `
Rows drawn from the collection ask, exact search answers, and each index is measured against that,
over a range of efforts. All of it on a copy in memory: the collection stays as it is.

Examples:
  lynse tune --collection docs
  lynse tune docs --target-recall 0.99 --html tune.html
  lynse tune --collection docs --modes HNSW-COS,IVF-COS-RABITQ --where "lang = 'en'" -k 20
`;

export function addTuneCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("tune")
    .description("measure which index suits a collection, and recommend one")
    .argument("[collection]", "collection to measure; the same as --collection")
    .option("--collection <name>", "collection to measure")
    .option("--queries <n>", "rows that ask", wholeNumber(1, 10_000), 200)
    .option("-k <n>", "rows to find", wholeNumber(1, limits.kMax), 10)
    .option("--target-recall <share>", "recall that is wanted, above 0, at most 1", recallShare, 0.95)
    .option("--modes <names>", "indexes to try, separated by commas (default: by the metric)", nameList)
    .option("--where <filter>", "searches have this filter, as: lang = 'en'")
    .option("--params <json>", "values of the filter's :name parameters", whereParams)
    .option("--sample-rows <n>", "rows to copy at most", wholeNumber(1000, 10_000_000), 200_000)
    .option("--seed <n>", "draws the rows", wholeNumber(0, 0xffff_ffff), 1)
    .option("--html <file>", "also write a page with a picture and the figures")
    .option("--json", "one JSON object instead of a table")
    .addHelpText("after", examples);
  addCommonOptions(command).action(async (name: string | undefined, given: TuneFlags) => {
    const names = [name, given.collection].filter((value) => value !== undefined);
    if (names.length !== 1) command.error("error: exactly one collection is wanted, by name or as --collection");
    if (given.params !== undefined && given.where === undefined) command.error("error: --params belongs to --where");
    const flags = { ...given, collection: names[0] as string };
    await useCollection(flags, "read", (collection) => tune(collection, flags, terminal));
  });
}

function recallShare(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && value <= 1) return value;
  throw new InvalidArgumentError("A number above 0 and at most 1 is wanted, as 0.95.");
}

async function tune(collection: Collection, flags: TuneFlags, terminal: Terminal): Promise<void> {
  const stage = new StageLine(terminal);
  let report: TuneReport;
  try {
    report = await measure(collection, flags, stage);
  } finally {
    stage.end();
  }
  const chosen = recommend(report, placeOptions(flags));
  if (flags.html !== undefined) await writePage(flags.html, tunePage(report, chosen));
  if (flags.json === true) {
    const { sentence, command, point, mode } = chosen;
    const recommendation = { mode: mode.mode, ...point, sentence, command };
    await terminal.print(JSON.stringify({ ...report, recommendation }));
  } else {
    await printReport(report, chosen, terminal);
  }
  if (flags.html !== undefined) terminal.write(`the page is in ${flags.html}\n`);
}

async function measure(source: Collection, flags: TuneFlags, stage: StageLine): Promise<TuneReport> {
  const [[rows, dim], { metric }] = [await source.shape(), await source.stats()];
  const modes = flags.modes === undefined ? candidateModes(metric) : await checkModes(source, flags.modes);
  const copy = await copyForTuning(source, {
    queries: flags.queries,
    rowsMax: flags.sampleRows,
    seed: flags.seed,
    withFields: flags.where !== undefined,
    onProgress: (done, total) => stage.show("copying rows", done / total),
  });
  try {
    const task: TuneTask = {
      collection: copy.collection,
      queries: copy.queries,
      k: flags.k,
      where: flags.where ?? null,
      params: flags.params ?? null,
    };
    stage.show(`exact search of ${formatCount(copy.rows)} rows, ${formatCount(copy.queries.length)} queries`);
    const exact = await measureExact(task);
    if (exact.values.every((values) => values.length === 0)) {
      throw new LynseError(
        "INVALID_ARGUMENT",
        "no row that was copied matches the filter; there is nothing to measure",
      );
    }
    const { memory } = await copy.collection.stats();
    const baseline = { mode: exactMode(metric), isExact: true, knob: null, knobParameter: null, buildSeconds: 0 };
    const measured: TuneMode[] = [
      { ...baseline, points: [exact.point], memoryBytes: memory.totalBytes, failure: null },
    ];
    for (const mode of modes.filter((name) => name !== baseline.mode)) {
      stage.show(`${mode}: building`);
      measured.push(
        await measureMode(task, mode, exact, (share) =>
          share !== null && share >= 1 ? stage.show(`${mode}: searching`) : stage.show(`${mode}: building`, share),
        ),
      );
    }
    return {
      database: source.databaseName,
      collection: source.name,
      metric,
      dim,
      rows,
      copiedRows: copy.rows,
      queries: copy.queries.length,
      k: flags.k,
      where: flags.where ?? null,
      targetRecall: flags.targetRecall,
      modes: measured,
    };
  } finally {
    await copy.client.close();
  }
}

/** The options that name the collection again. */
function placeOptions({ collection, database, data, uri }: TuneFlags): string[] {
  return [
    "--collection",
    quoted(collection),
    ...(database === "default" ? [] : ["--database", quoted(database)]),
    ...(data === undefined ? [] : ["--data", quoted(data)]),
    ...(uri === undefined ? [] : ["--uri", quoted(uri)]),
  ];
}

/** An argument as a shell reads it. */
function quoted(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

async function writePage(file: string, page: string): Promise<void> {
  try {
    await writeFile(file, page);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LynseError("IO_ERROR", `cannot write ${file} (${reason}); name a file in a folder that can be written`, {
      file,
      reason,
    });
  }
}

async function printReport(report: TuneReport, chosen: Recommendation, terminal: Terminal): Promise<void> {
  for (const line of labelledLines(tuneFacts(report), terminal.tableWidth)) await terminal.print(line);
  await terminal.print("");
  const style = { width: terminal.tableWidth, hasColour: terminal.hasColour };
  for (const line of tuneTable(report, chosen, style)) await terminal.print(line);
  await terminal.print("");
  await terminal.print(chosen.sentence);
  await terminal.print(`  ${chosen.command}`);
}
