/**
 * Which options do all commands share, and how are option values read?
 *
 * A value that cannot be read is a mistake of usage: commander reports it with the option's name, exit code 2.
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { isLynseError } from "../../errors.js";
import type { Id, WhereParams } from "../../types.js";
import { parseIdList } from "../id-text.js";

export interface CommonOptions {
  /** Undefined: a server, or where the client looks by itself. */
  readonly data?: string;
  /** URL of a server. */
  readonly uri?: string;
  readonly apiKey?: string;
  readonly database: string;
  readonly readOnly?: boolean;
  /** Bytes, or a text like `512mb`; checked by the client. */
  readonly memoryBudget?: string;
}

export function addCommonOptions(command: Command): Command {
  return command
    .option("--data <dir>", "data directory (default: $LYNSE_DATA_DIR, else ~/.lynsedb)")
    .addOption(
      new Option("--uri <url>", "server in place of a directory, as http://127.0.0.1:7637 (default: $LYNSE_URI)")
        .argParser(serverUri)
        .conflicts("data"),
    )
    .addOption(
      new Option("--api-key <key>", "the server's key (default: $LYNSE_API_KEY, which no list of processes shows)")
        .argParser(apiKey)
        .conflicts("data"),
    )
    .option("--database <name>", "database", "default")
    .option("--read-only", "never write: a command that would is refused")
    .option(
      "--memory-budget <size>",
      "memory that a data directory's vectors may take, as 512mb; beyond it they stay on disk",
    )
    .option("--debug", "show the stack of an error");
}

/** True for the URL of a server. */
export function isServerUri(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

function serverUri(text: string): string {
  if (isServerUri(text)) return text;
  throw new InvalidArgumentError("A URL as http://127.0.0.1:7637 is wanted; a directory is named with --data.");
}

function apiKey(text: string): string {
  if (text !== "") return text;
  throw new InvalidArgumentError("It must not be empty.");
}

/** Makes a reader of whole numbers from `min` to `max`. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    const most = max === Number.MAX_SAFE_INTEGER ? "" : ` to ${max}`;
    throw new InvalidArgumentError(`A whole number from ${min}${most === "" ? " on" : most} is wanted.`);
  };
}

/** Names separated by commas. */
export function nameList(text: string): string[] {
  const names = text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  if (names.length === 0) throw new InvalidArgumentError("Names separated by commas are wanted.");
  return names;
}

/** Ids separated by commas. */
export function idList(text: string): Id[] {
  try {
    return parseIdList(text);
  } catch (error) {
    throw new InvalidArgumentError(isLynseError(error) ? error.message : String(error));
  }
}

/** Values of `:name` parameters, a JSON object. */
export function whereParams(text: string): WhereParams {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as WhereParams;
  throw new InvalidArgumentError(`A JSON object is wanted, as '{"lang": "en"}'.`);
}
