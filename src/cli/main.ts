#!/usr/bin/env node
/**
 * The `lynse` command: runs a command, tells errors in plain words and ends with an exit code.
 *
 * Exit codes: 0 success, 1 an error, 2 a mistake in the command line, 130 interrupted.
 */
import { readFileSync } from "node:fs";
import { CommanderError } from "commander";
import { isLynseError } from "../errors.js";
import { errorText } from "./print/error-text.js";
import { createProgram } from "./program.js";
import { Terminal } from "./terminal.js";

async function main(): Promise<number> {
  const terminal = new Terminal();
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  try {
    await createProgram(version, terminal).parseAsync();
    await terminal.flush();
    return 0;
  } catch (error) {
    if (terminal.isOutputClosed) return 0;
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    terminal.write(errorText(error, process.argv.includes("--debug")));
    return isLynseError(error, "ABORTED") ? 130 : 1;
  }
}

process.exitCode = await main();
// An interrupted import may still wait for its input, which would keep the process from ending.
process.stdin.destroy();
