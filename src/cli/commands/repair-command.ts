/**
 * `lynse repair`: make a damaged collection sound again, with everything in it that is whole.
 *
 * Says what it will do, and what is lost, before anything happens. On a terminal it asks; elsewhere it wants `--yes`.
 */
import type { Command } from "commander";
import { type CollectionRepair, type LossReport, type RepairReport, repair } from "../../client/local/local-inspect.js";
import { LynseError } from "../../errors.js";
import type { Id } from "../../types.js";
import { printFindings } from "../print/finding-lines.js";
import { labelledLines } from "../print/labelled-lines.js";
import { countOf, formatCount, formatDuration } from "../print/quantity.js";
import type { Terminal } from "../terminal.js";
import { dataFolder, inspectTarget, withFolderHint } from "./inspect-target.js";

interface RepairFlags {
  readonly data?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly keepSuspectVectors?: boolean;
  readonly json?: boolean;
}

const examples = `
Damaged indexes and checkpoints are removed: they are made anew. Of a damaged log or vector file
everything that is whole is written to new files, and the damaged ones are kept in
quarantine-<time>/ of the collection, with report.json and, in lost-rows.jsonl, the ids and metadata
of rows whose vectors are damaged. The data directory must not be open for writing. Take a copy
first where you can.

Examples:
  lynse repair --dry-run
  lynse repair default/docs
  lynse repair default/docs --yes --json
`;

export function addRepairCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("repair")
    .description("mend what is damaged on disk, and say exactly what is lost")
    .argument("[target]", "a database, or database/collection (default: everything)")
    .option("--data <dir>", "data directory (default: $LYNSE_DATA_DIR, else ~/.lynsedb)")
    .option("--dry-run", "say what would be done, and change nothing")
    .option("--keep-suspect-vectors", "keep rows whose vectors do not match their checksum, as they are")
    .option("--yes", "do not ask")
    .option("--json", "one JSON object instead of text")
    .option("--debug", "show the stack of an error")
    .addHelpText("after", examples);
  command.action(async (target: string | undefined, flags: RepairFlags) => {
    if (flags.yes !== true && flags.dryRun !== true && !terminal.canAsk) {
      command.error("error: there is no terminal to ask on; add --yes to repair without a question, or --dry-run");
    }
    const report = await repairAsking(target, flags, terminal);
    if (flags.json === true) await terminal.print(JSON.stringify(report));
    else await printReport(report, flags, terminal);
    const hopeless = report.collections.filter(({ state }) => state === "hopeless").length;
    if (hopeless === 0) return;
    throw new LynseError("CORRUPT", `${countOf(hopeless, "collection")} cannot be repaired; restore a backup`, {});
  });
}

async function repairAsking(target: string | undefined, flags: RepairFlags, terminal: Terminal): Promise<RepairReport> {
  const repairing = repair(dataFolder(flags.data, process.env), {
    ...inspectTarget(target),
    dryRun: flags.dryRun === true,
    keepSuspectVectors: flags.keepSuspectVectors === true,
    confirm: async (plan) => {
      if (flags.json !== true) await printPlan(plan, terminal);
      return flags.yes === true || terminal.confirm(`Repair ${plan.database}/${plan.collection}?`);
    },
  });
  return await repairing.catch((error: unknown) => {
    throw withFolderHint(error, target);
  });
}

async function printReport(report: RepairReport, { dryRun }: RepairFlags, terminal: Terminal): Promise<void> {
  for (const step of report.steps) await terminal.print(dryRun === true ? `would ${step}` : `done: ${step}`);
  for (const each of report.collections) {
    const name = `${each.database}/${each.collection}`;
    if (each.state === "sound") await terminal.print(`${name}: nothing to repair`);
    else if (each.state === "planned") await printPlan(each, terminal);
    else if (each.state === "declined") await terminal.print(`${name}: nothing was changed`);
    else if (each.state === "hopeless") await terminal.print(`${name}: nothing was changed: ${each.steps.join("; ")}`);
    else await terminal.print(repairedText(name, each));
  }
  const verdict = dryRun === true ? "nothing was changed" : `done in ${formatDuration(report.seconds * 1000)}`;
  await terminal.print(verdict);
}

function repairedText(name: string, { keptRows, keptDeleted, quarantine }: CollectionRepair): string {
  if (keptRows === null) return `${name}: repaired; no rows were touched`;
  const deleted = keptDeleted === null || keptDeleted === 0 ? "" : ` and ${countOf(keptDeleted, "deleted row")}`;
  return `${name}: repaired, with ${countOf(keptRows, "row")}${deleted}; the damaged files are in ${quarantine}`;
}

async function printPlan(plan: CollectionRepair, terminal: Terminal): Promise<void> {
  const errors = plan.findings.filter(({ severity }) => severity === "error");
  await terminal.print(`${plan.database}/${plan.collection}: ${countOf(errors.length, "damaged place")}`);
  await printFindings(errors, terminal);
  const entries = plan.steps.map((step, at): [string, string] => [at === 0 ? "to do" : "", step]);
  if (plan.losses !== null) entries.push(...lossEntries(plan.losses));
  for (const line of labelledLines(entries, terminal.tableWidth)) await terminal.print(line);
}

function lossEntries(losses: LossReport): [string, string][] {
  const { lostRows, lostUnknownRows, lostMetadata, lostVectors, lostSparse, reverted, suspectVectors } = losses;
  const entries: [string, string][] = [];
  const ids = (label: string, list: readonly Id[]): void => {
    if (list.length > 0) entries.push([label, idsText(list)]);
  };
  ids("lost rows", lostRows);
  if (lostUnknownRows > 0) entries.push(["lost rows", `up to ${formatCount(lostUnknownRows)} whose ids nothing tells`]);
  ids("lost metadata", lostMetadata);
  for (const { field, ids: list } of lostVectors) ids(`lost vectors of ${field}`, list);
  ids("lost sparse vectors", lostSparse);
  ids("back in an earlier version", reverted);
  ids("vectors mended by a bit", losses.mended);
  ids("vectors kept, some damaged", suspectVectors);
  if (losses.commits.length > 0) {
    const spans = losses.commits.map(([first, last]) => (first === last ? String(first) : `${first} to ${last}`));
    entries.push(["commits", spans.join(", ")]);
  }
  for (const text of losses.unknowable) entries.push(["not knowable", text]);
  if (entries.length === 0) entries.push(["lost", "nothing"]);
  return entries;
}

function idsText(ids: readonly Id[]): string {
  const shown = ids.slice(0, 20).map((id) => JSON.stringify(id));
  const rest = ids.length - shown.length;
  return `${formatCount(ids.length)}: ${shown.join(", ")}${rest > 0 ? ` and ${formatCount(rest)} more` : ""}`;
}
