/**
 * Which errors can a caller meet, and what do they carry?
 *
 * Every error of the package is a `LynseError` whose `code` stands in the catalogue below; the same code comes back over
 * HTTP. Callers compare `code`, never the class: two copies of the package in one program must not matter. A message
 * says what happened, what was expected, what was given and what to do about it.
 *
 * Importable by every layer; imports nothing.
 */

interface CatalogueEntry {
  /** HTTP status that a server answers with. */
  readonly status: number;
  /** True when the same call may succeed later without a change to it. */
  readonly isRetryable: boolean;
  /** One line for the documentation. */
  readonly summary: string;
}

const entry = (status: number, isRetryable: boolean, summary: string): CatalogueEntry => ({
  status,
  isRetryable,
  summary,
});

/** The catalogue: every code that a `LynseError` may carry. */
export const errorCatalogue = {
  INVALID_ARGUMENT: entry(400, false, "An argument has the wrong type, an unknown option name or an impossible value."),
  DIMENSION_MISMATCH: entry(400, false, "A vector's length differs from the dimension of its field."),
  INVALID_VECTOR: entry(400, false, "A vector holds NaN, Infinity or a value outside its metric's contract."),
  ID_EXISTS: entry(409, false, "An id to be added is already in the collection, or stands twice in one call."),
  ID_NOT_FOUND: entry(404, false, "An id is not in the collection."),
  STRING_IDS: entry(409, false, "A binary read met an id that is a text; its layout holds integers. Ask in JSON."),
  DATABASE_NOT_FOUND: entry(404, false, "The database does not exist."),
  COLLECTION_NOT_FOUND: entry(404, false, "The collection does not exist."),
  COLLECTION_EXISTS: entry(409, false, "A collection of that name exists with another dimension or dtype."),
  TARGET_EXISTS: entry(409, false, "The target of a copy, restore or import exists and overwriting was not asked for."),
  WHERE_SYNTAX: entry(400, false, "A where text cannot be parsed; details give the position and what was expected."),
  UNSUPPORTED_INDEX: entry(400, false, "No such index, or not for this metric or kind of data."),
  INDEX_EMPTY: entry(409, false, "The index cannot be built over a collection without rows."),
  READ_ONLY: entry(409, false, "The database was opened read-only and cannot be written."),
  LOCKED: entry(423, true, "Another process writes to this directory."),
  CORRUPT: entry(500, false, "Stored bytes do not match their checksum; details give file and offset."),
  FORMAT_TOO_NEW: entry(500, false, "The files were written by a newer version of the package."),
  LIMIT_EXCEEDED: entry(400, false, "A documented limit was passed; details name it."),
  NO_SPACE: entry(507, true, "The disk is full; nothing of the call was stored."),
  IO_ERROR: entry(500, true, "The operating system refused a file operation."),
  UNAVAILABLE: entry(503, true, "A service that the call needs cannot be reached, is busy or answers nonsense."),
  UNAUTHORIZED: entry(401, false, "The API key is missing or wrong."),
  TIMEOUT: entry(504, true, "The call took longer than its time limit."),
  CLOSED: entry(409, false, "The client or collection was closed, or its collection dropped."),
  ABORTED: entry(499, false, "The caller's AbortSignal ended the call."),
  UNSUPPORTED: entry(501, false, "The call is not available in this mode or on this platform."),
  INTERNAL: entry(500, false, "An invariant of the package was violated: a bug worth reporting."),
} as const satisfies Record<string, CatalogueEntry>;

/** One of the catalogue's codes. */
export type ErrorCode = keyof typeof errorCatalogue;

/** Facts about an error that a program can use: names, positions, expected and given values. JSON only. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** The package's only error class. */
export class LynseError extends Error {
  override readonly name = "LynseError";
  /** Code in the catalogue; stable across versions. */
  readonly code: ErrorCode;
  /** HTTP status that a server answers with for this code. */
  readonly status: number;
  /** True when the same call may succeed later without a change to it. */
  readonly retryable: boolean;
  /** Names, positions, expected and given values. */
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = errorCatalogue[code].status;
    this.retryable = errorCatalogue[code].isRetryable;
    this.details = details;
  }

  toJSON(): { name: string; code: ErrorCode; message: string; details: ErrorDetails } {
    return { name: this.name, code: this.code, message: this.message, details: this.details };
  }
}

/** True for a `LynseError` of any copy of the package, optionally only of one code. */
export function isLynseError(error: unknown, code?: ErrorCode): error is LynseError {
  if (!(error instanceof Error) || error.name !== "LynseError" || !("code" in error)) return false;
  return code === undefined || error.code === code;
}

/** Throws `INTERNAL` when an invariant does not hold. Stays on in production; use it where it is cheap. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new LynseError("INTERNAL", `internal invariant violated: ${invariant}; please report this bug`);
}

/** The error for a call on a collection that was closed, or dropped. */
export function collectionClosed(name: string): LynseError {
  const message = `collection ${JSON.stringify(name)} was closed or dropped; open it again through its database`;
  return new LynseError("CLOSED", message);
}
