/**
 * How is a call refused?
 *
 * Runs a call that must fail with an error of the package, and gives that error for a closer look.
 */
import { expect } from "vitest";
import { type ErrorCode, errorCatalogue, type LynseError } from "../../src/index.js";

/** The error of a call that must be refused with `code`, its message matching every one of `patterns`. */
export async function refusal(
  call: () => unknown,
  code: ErrorCode,
  ...patterns: readonly (RegExp | string)[]
): Promise<LynseError> {
  let error: unknown;
  try {
    const result = await call();
    error = new Error(`expected a refusal with ${code}, but the call gave ${String(result)}`);
  } catch (thrown) {
    error = thrown;
  }
  if (!isNamed(error)) throw error;
  expect(error, error.message).toMatchObject({
    name: "LynseError",
    code,
    status: errorCatalogue[code].status,
    retryable: errorCatalogue[code].isRetryable,
  });
  for (const pattern of patterns) expect(error.message).toMatch(pattern);
  expect(JSON.parse(JSON.stringify(error))).toMatchObject({ code, message: error.message });
  return error;
}

function isNamed(error: unknown): error is LynseError {
  return error instanceof Error && error.name === "LynseError";
}
