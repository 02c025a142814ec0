/**
 * How is what a look at stored files found told to a reader?
 *
 * Severity and place in the first line, then what is wrong, what it concerns and what to do. Printing part of the command
 * line.
 */
import type { Finding } from "../../client/local/local-inspect.js";
import type { Terminal } from "../terminal.js";
import { labelledLines } from "./labelled-lines.js";
import { formatCount } from "./quantity.js";

/** Ids that are listed; all of them are in the JSON form. */
const idsShown = 20;

/** Prints findings, errors first. */
export async function printFindings(findings: readonly Finding[], terminal: Terminal): Promise<void> {
  const order = ["error", "warning", "note"] as const;
  for (const severity of order) {
    for (const finding of findings.filter((each) => each.severity === severity)) {
      await printFinding(finding, terminal);
    }
  }
}

async function printFinding(finding: Finding, terminal: Terminal): Promise<void> {
  const { severity, file, offset, problem, affects, batches, advice } = finding;
  const colour = severity === "error" ? 31 : severity === "warning" ? 33 : 2;
  const mark = terminal.hasColour ? `\u001b[${colour}m${severity}\u001b[0m` : severity;
  await terminal.print(`${mark}: ${file}${offset === null ? "" : `, byte ${offset}`}`);
  const entries: [string, string][] = [["  what", problem]];
  if (affects !== null) entries.push(["  concerns", affects]);
  const ids = idsText(finding);
  if (ids !== null) entries.push(["  ids", ids]);
  if (batches !== null) {
    const [first, last] = batches;
    entries.push(["  commits", first === last ? String(first) : `${first} to ${last}`]);
  }
  entries.push(["  to do", advice]);
  for (const line of labelledLines(entries, terminal.tableWidth)) await terminal.print(line);
}

function idsText({ ids, idCount }: Finding): string | null {
  if (ids.length === 0) return null;
  const shown = ids.slice(0, idsShown).map((id) => JSON.stringify(id));
  const rest = Math.max(ids.length, idCount) - shown.length;
  return `${shown.join(", ")}${rest > 0 ? ` and ${formatCount(rest)} more` : ""}`;
}
