/**
 * Which error does an answer of a server stand for?
 *
 * A server of this package answers `{ error, code, details }` with the catalogue's codes in lower case, or `not_found` and
 * what is missing: the same error is thrown here. Anything else, from a proxy or another version, becomes the code that
 * fits its status best.
 */
import { type ErrorCode, type ErrorDetails, errorCatalogue, LynseError } from "../../errors.js";

/** Characters of a foreign answer that a message repeats. */
const shownCharacters = 200;

/** Codes of LynseDB's own servers that are not in the catalogue. */
const foreignCodes: Readonly<Record<string, ErrorCode>> = {
  internal_error: "INTERNAL",
  already_exists: "COLLECTION_EXISTS",
  index_not_built: "INDEX_EMPTY",
};

/** Codes of what `not_found` may mean, by `details.missing`. */
const missingCodes: Readonly<Record<string, ErrorCode>> = {
  database: "DATABASE_NOT_FOUND",
  collection: "COLLECTION_NOT_FOUND",
  route: "UNSUPPORTED",
};

/** The error of an answer with this status and body. */
export function answerError(status: number, body: string): LynseError {
  const { error, code, details } = parsed(body);
  const known = code === "not_found" ? missingCode(error, details) : typeof code === "string" ? catalogued(code) : null;
  const message = typeof error === "string" && error !== "" ? error : foreignMessage(status, body);
  const { missing: _, ...given } = typeof details === "object" && details !== null ? (details as ErrorDetails) : {};
  return new LynseError(known ?? codeOfStatus(status), message, known === null ? { ...given, status } : given);
}

function parsed(body: string): { readonly error?: unknown; readonly code?: unknown; readonly details?: unknown } {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** Our servers say what is missing in the details, LynseDB's in the message. */
function missingCode(error: unknown, details: unknown): ErrorCode {
  const missing = typeof details === "object" && details !== null && "missing" in details ? details.missing : null;
  if (typeof missing === "string" && Object.hasOwn(missingCodes, missing)) return missingCodes[missing]!;
  return /^database not found/i.test(String(error)) ? "DATABASE_NOT_FOUND" : "COLLECTION_NOT_FOUND";
}

function catalogued(code: string): ErrorCode | null {
  const name = code.toUpperCase();
  if (Object.hasOwn(errorCatalogue, name)) return name as ErrorCode;
  return Object.hasOwn(foreignCodes, code) ? foreignCodes[code]! : null;
}

function foreignMessage(status: number, body: string): string {
  const text = body.trim().slice(0, shownCharacters);
  return `the server answered with status ${status}${text === "" ? "" : `: ${text}`}`;
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 401 || status === 403) return "UNAUTHORIZED";
  if (status === 404 || status === 405 || status === 501) return "UNSUPPORTED";
  if (status === 408 || status === 504) return "TIMEOUT";
  if (status === 413) return "LIMIT_EXCEEDED";
  if (status === 429 || status === 502 || status === 503) return "UNAVAILABLE";
  return status >= 500 ? "INTERNAL" : "INVALID_ARGUMENT";
}
