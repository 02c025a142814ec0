/**
 * `lynse verify`: is everything on disk as it was written?
 *
 * Reads beside whoever writes. Exit code 1 where something is damaged, so that a script can act on it.
 */
import { type Command, Option } from "commander";
import { type CollectionReport, type VerifyReport, verify } from "../../client/local/local-inspect.js";
import { LynseError } from "../../errors.js";
import { printFindings } from "../print/finding-lines.js";
import { countOf, formatBytes, formatDuration } from "../print/quantity.js";
import { StageLine } from "../print/stage-line.js";
import { formatTable } from "../print/table.js";
import type { Terminal } from "../terminal.js";
import { wholeNumber } from "./common-options.js";
import { dataFolder, inspectTarget, withFolderHint } from "./inspect-target.js";

interface VerifyFlags {
  readonly data?: string;
  readonly quick?: boolean;
  readonly deep?: boolean;
  readonly queries: number;
  readonly seed: number;
  readonly json?: boolean;
}

const examples = `
Every file is read and compared with its checksums, references are followed, and each index answers rows
drawn from its collection, compared with exact search. Nothing is changed, no lock is taken: it may run
beside a program that writes. Exit code 0: nothing is damaged; 1: something is.

Examples:
  lynse verify
  lynse verify default/docs --deep
  lynse verify --data /backup/docs-snapshot --json
`;

export function addVerifyCommand(program: Command, terminal: Terminal): void {
  program
    .command("verify")
    .description("check every byte on disk, and how well indexes answer")
    .argument("[target]", "a database, or database/collection (default: everything)")
    .option("--data <dir>", "data directory, or a snapshot (default: $LYNSE_DATA_DIR, else ~/.lynsedb)")
    .addOption(new Option("--quick", "structure only: no metadata, no vectors, no indexes").conflicts("deep"))
    .option("--deep", "also read what the bytes mean: JSON of all metadata, finite vectors")
    .option("--queries <n>", "rows that each index is asked about", wholeNumber(0, 10_000), 50)
    .option("--seed <n>", "draws them", wholeNumber(0, 0xffff_ffff), 1)
    .option("--json", "one JSON object instead of text")
    .option("--debug", "show the stack of an error")
    .addHelpText("after", examples)
    .action(async (target: string | undefined, flags: VerifyFlags) => {
      const report = await verifyWithProgress(target, flags, terminal);
      if (flags.json === true) await terminal.print(JSON.stringify(report));
      else await printReport(report, terminal);
      if (!report.isClean) throw new LynseError("CORRUPT", verdictOf(report), { root: report.root });
    });
}

async function verifyWithProgress(
  target: string | undefined,
  { data, quick, deep, queries, seed }: VerifyFlags,
  terminal: Terminal,
): Promise<VerifyReport> {
  const stage = new StageLine(terminal);
  try {
    return await verify(dataFolder(data, process.env), {
      ...inspectTarget(target),
      depth: quick === true ? "quick" : deep === true ? "deep" : "full",
      ...{ queries, seed },
      onProgress: ({ database, collection, bytesDone, bytesTotal, stage: what }) => {
        const name = database === null ? collection : `${database}/${collection}`;
        stage.show(what === "indexes" ? `${name}: asking indexes` : name, bytesDone / Math.max(1, bytesTotal));
      },
    });
  } catch (error) {
    throw withFolderHint(error, target);
  } finally {
    stage.end();
  }
}

function verdictOf({ counts }: VerifyReport): string {
  return `${countOf(counts.error, "damaged place")} found; "lynse repair" mends collections and keeps all that is whole`;
}

async function printReport(report: VerifyReport, terminal: Terminal): Promise<void> {
  const { collections, counts, bytesRead, seconds } = report;
  if (collections.length > 0) {
    const rows = collections.map((each) => rowOf(each));
    const style = { width: terminal.tableWidth, hasColour: terminal.hasColour };
    for (const line of formatTable(columns, rows, style).lines) await terminal.print(line);
  }
  await printIndexes(collections, terminal);
  for (const { findings } of [report, ...collections]) await printFindings(findings, terminal);
  const speed = seconds < 0.5 ? "" : `, ${formatBytes(bytesRead / seconds)}/s`;
  const read = `${formatBytes(bytesRead)} read in ${formatDuration(seconds * 1000)}${speed}`;
  const others = [
    counts.warning === 0 ? [] : [countOf(counts.warning, "warning")],
    counts.note === 0 ? [] : [countOf(counts.note, "note")],
  ].flat();
  const verdict = report.isClean ? "no damage" : countOf(counts.error, "damaged place");
  await terminal.print(`${[verdict, ...others].join(", ")}; ${countOf(collections.length, "collection")}, ${read}`);
}

const columns = [
  { title: "collection", align: "left" },
  { title: "rows", align: "right" },
  { title: "deleted", align: "right" },
  { title: "commits", align: "right" },
  { title: "read", align: "right" },
  { title: "state", align: "left" },
] as const;

function rowOf(report: CollectionReport): string[] {
  const { database, collection, rows, deletedRows, commits, bytesRead, findings } = report;
  const name = database === null ? collection : `${database}/${collection}`;
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const warnings = findings.filter(({ severity }) => severity === "warning").length;
  const state = errors > 0 ? "damaged" : warnings > 0 ? "suspicious" : "good";
  const counts = [rows, deletedRows, commits].map((count) => count.toLocaleString("en-US"));
  return [name, ...counts, formatBytes(bytesRead), state];
}

async function printIndexes(collections: readonly CollectionReport[], terminal: Terminal): Promise<void> {
  for (const { database, collection, indexes } of collections) {
    for (const { field, name, rows, recall, k, queries } of indexes) {
      const where = database === null ? collection : `${database}/${collection}`;
      const found =
        recall === null ? "not measured" : `recall@${k} ${recall.toFixed(3)} over ${countOf(queries, "query")}`;
      const covered = rows === null ? "" : `, covers ${countOf(rows, "vector")}`;
      await terminal.print(`index ${name} of ${where} (${field}): ${found.replace("querys", "queries")}${covered}`);
    }
  }
}
