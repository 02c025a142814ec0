/**
 * `lynse doctor`: is this machine, and the directory or server, fit for work?
 */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { LynseError } from "../../errors.js";
import { checkDataFolder } from "../doctor/check-data-folder.js";
import { checkMachine } from "../doctor/check-machine.js";
import { checkServer } from "../doctor/check-server.js";
import type { HealthCheck } from "../doctor/health-check.js";
import { labelledLines } from "../print/labelled-lines.js";
import { countOf } from "../print/quantity.js";
import type { Terminal } from "../terminal.js";
import { clientPlace } from "./client-place.js";
import { dataFolder } from "./inspect-target.js";

interface DoctorFlags {
  readonly data?: string;
  readonly dataDir?: string;
  readonly uri?: string;
  readonly apiKey?: string;
  readonly json?: boolean;
}

const examples = `
Looks at Node.js, WebAssembly, memory and limits of this machine; of a directory at rights, disk
space, file system, the writer lock, formats and leftovers, and writes and removes a small file to
see whether a sync works; of a server at version, key, clock and latency. Exit code 1 where there is
a problem.

Examples:
  lynse doctor
  lynse doctor --data-dir /var/lib/lynse
  lynse doctor --uri http://127.0.0.1:7637 --json
`;

interface DoctorReport {
  /** No check found a problem. */
  readonly isHealthy: boolean;
  readonly checks: readonly HealthCheck[];
}

export function addDoctorCommand(program: Command, terminal: Terminal): void {
  program
    .command("doctor")
    .description("check the machine, and a data directory or server")
    .option("--data-dir <dir>", "data directory (default: $LYNSE_DATA_DIR, else ~/.lynsedb)")
    .option("--data <dir>", "the same as --data-dir")
    .option("--uri <url>", "a server, as http://127.0.0.1:7637 (default: $LYNSE_URI)")
    .option("--api-key <key>", "the server's key (default: $LYNSE_API_KEY)")
    .option("--json", "one JSON object instead of text")
    .option("--debug", "show the stack of an error")
    .addHelpText("after", examples)
    .action(async (flags: DoctorFlags) => {
      const checks = await examine(flags, program.version() ?? "");
      const problems = checks.filter(({ state }) => state === "problem").length;
      const report: DoctorReport = { isHealthy: problems === 0, checks };
      if (flags.json === true) await terminal.print(JSON.stringify(report));
      else await printChecks(report, terminal);
      if (problems > 0) throw new LynseError("UNAVAILABLE", `${countOf(problems, "problem")} found`, { problems });
    });
}

async function examine({ data, dataDir, uri, apiKey }: DoctorFlags, version: string): Promise<HealthCheck[]> {
  const { engines } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as {
    readonly engines: { readonly node: string };
  };
  const given = dataDir ?? data;
  const flags = { ...(given === undefined ? {} : { data: given }), ...(uri === undefined ? {} : { uri }) };
  const place = clientPlace({ ...flags, ...(apiKey === undefined ? {} : { apiKey }) }, process.env);
  if (place.uri !== undefined && place.uri !== given) {
    return [...checkMachine(engines.node, 0), ...(await checkServer(place.uri, place.apiKey, version))];
  }
  const folder = await checkDataFolder(dataFolder(given, process.env));
  return [...checkMachine(engines.node, folder.dataBytes), ...folder.checks];
}

async function printChecks({ checks, isHealthy }: DoctorReport, terminal: Terminal): Promise<void> {
  const marks = { ok: "ok", warning: "warning", problem: "PROBLEM" } as const;
  const entries = checks.flatMap(({ name, state, found, advice }): [string, string][] => {
    const label = `${marks[state].padEnd(8)} ${name}`;
    return advice === null
      ? [[label, found]]
      : [
          [label, found],
          ["", `to do: ${advice}`],
        ];
  });
  for (const line of labelledLines(entries, terminal.tableWidth)) await terminal.print(line);
  const warnings = checks.filter(({ state }) => state === "warning").length;
  const problems = checks.filter(({ state }) => state === "problem").length;
  const parts = [
    problems === 0 ? [] : [countOf(problems, "problem")],
    warnings === 0 ? [] : [countOf(warnings, "warning")],
  ].flat();
  await terminal.print(
    parts.length === 0 ? "everything is in order" : `${parts.join(", ")}${isHealthy ? "; fit for work" : ""}`,
  );
}
