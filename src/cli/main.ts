#!/usr/bin/env node
/**
 * The `lynse` command: runs a command, tells errors in plain words and ends with an exit code.
 *
 * Exit codes: 0 success, 1 an error, 2 a mistake in the command line, 130 interrupted.
 */
import { readFileSync } from "node:fs";
import { CommanderError } from "commander";
import { isLynseError } from "../errors.js";
import { createProgram } from "./program.js";
import { Terminal } from "./terminal.js";

async function main(): Promise<number> {
  const terminal = new Terminal();
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  try {
    await createProgram(version, terminal).parseAsync();
    return 0;
  } catch (error) {
    if (terminal.isOutputClosed) return 0;
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    terminal.write(errorText(error, process.argv.includes("--debug")));
    return isLynseError(error, "ABORTED") ? 130 : 1;
  }
}

/** The message, its further lines set in below it; with the stack and the causes where they are asked for. */
function errorText(error: unknown, isDebug: boolean): string {
  const message = error instanceof Error ? error.message : String(error);
  const text = `lynse: ${message.replaceAll("\n", "\n       ")}\n`;
  if (isDebug) return `${text}${error instanceof Error ? stackOf(error) : ""}\n`;
  return isLynseError(error) ? text : `${text}       run the command again with --debug to see where it happened\n`;
}

function stackOf(error: Error): string {
  const stack = error.stack ?? "";
  const code = isLynseError(error) ? `${error.code} ${JSON.stringify(error.details)}\n` : "";
  return `${code}${stack}${error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : ""}`;
}

process.exitCode = await main();
