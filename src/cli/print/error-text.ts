/**
 * How is an error told to somebody at a terminal?
 *
 * What happened, then what to do, in the words of the command line: the library's advice names its own functions, so
 * for errors where that matters it gives way to the command or option that helps. Printing part of the command line.
 */
import { type ErrorCode, isLynseError, type LynseError } from "../../errors.js";

const advice: Partial<Record<ErrorCode, string>> = {
  DATABASE_NOT_FOUND: 'check --data and --database ("lynse info" lists what there is); lynse import creates them',
  COLLECTION_NOT_FOUND: '"lynse info" lists what there is; lynse import creates a collection',
  READ_ONLY: "leave --read-only out to write",
  LOCKED: "wait for it or end it; search, query, get and info work beside it",
};

/** The text of an error; with its code, stack and causes where `isDebug`. */
export function errorText(error: unknown, isDebug: boolean): string {
  const text = `lynse: ${messageOf(error).replaceAll("\n", "\n       ")}\n`;
  if (isDebug) return `${text}${error instanceof Error ? stackOf(error) : ""}\n`;
  return isLynseError(error) ? text : `${text}       run the command again with --debug to see where it happened\n`;
}

function messageOf(error: unknown): string {
  if (!isLynseError(error)) return error instanceof Error ? error.message : String(error);
  const own = adviceFor(error);
  if (own === undefined) return error.message;
  // An error may carry lines of a command's own below the library's message.
  const [first = "", ...rest] = (error.code === "LOCKED" ? lockedMessage(error) : error.message).split("\n");
  const end = first.lastIndexOf("; ");
  return [end === -1 ? first : first.slice(0, end), own, ...rest].join("\n");
}

function adviceFor(error: LynseError): string | undefined {
  // A field that the text index leaves out.
  if ("indexed" in error.details) return "set the fields with lynse text --fields";
  const isReplaceable = error.code === "TARGET_EXISTS" && error.message.includes("overwrite: true");
  return isReplaceable ? "use another name, or --overwrite to replace it" : advice[error.code];
}

function lockedMessage(error: LynseError): string {
  const { root, pid, host, startedAt } = error.details;
  if (pid === undefined || host === undefined) return error.message;
  return `process ${pid} on ${host} is writing to ${root}, since ${startedAt}`;
}

function stackOf(error: Error): string {
  const code = isLynseError(error) ? `${error.code} ${JSON.stringify(error.details)}\n` : "";
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : "";
  return `${code}${error.stack ?? ""}${cause}`;
}
