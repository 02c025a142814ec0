/**
 * How is a mistake in a where text shown?
 *
 * Position, what stood there, what was expected, what to do, and the line with a caret under the place.
 */
import { LynseError } from "../errors.js";

/** Characters of a long line that are shown on each side of the caret. */
const shownEachSide = 50;

export interface SyntaxProblem {
  /** Offset in the text, in UTF-16 units. */
  readonly position: number;
  /** What stood there. */
  readonly got: string;
  readonly expected: string;
  /** What to do about it, a clause without a full stop. */
  readonly hint?: string | undefined;
}

/** The `WHERE_SYNTAX` error for a problem in `text`. Line and column count from 1, columns in characters. */
export function whereSyntaxError(text: string, problem: SyntaxProblem): LynseError {
  const { position, got, expected, hint } = problem;
  const lineStart = text.lastIndexOf("\n", position - 1) + 1;
  const nextBreak = text.indexOf("\n", position);
  const lineEnd = nextBreak === -1 ? text.length : nextBreak;
  const line = text.slice(0, lineStart).split("\n").length;
  const column = [...text.slice(lineStart, position)].length + 1;
  const before = [...text.slice(lineStart, position)];
  const after = [...text.slice(position, lineEnd)];
  const shownBefore = before.length > shownEachSide ? ["…", ...before.slice(-shownEachSide)] : before;
  const shownAfter = after.length > shownEachSide ? [...after.slice(0, shownEachSide), "…"] : after;
  const shown = [...shownBefore, ...shownAfter].join("").replace(/[\t\r]/g, " ");
  const advice = hint === undefined ? "" : `; ${hint}`;
  const place = line === 1 ? `column ${column}` : `line ${line}, column ${column}`;
  const message =
    `where: expected ${expected}, got ${got} at position ${position} (${place})${advice}\n` +
    `  ${shown}\n  ${" ".repeat(shownBefore.length)}^`;
  return new LynseError("WHERE_SYNTAX", message, { position, line, column, expected, got });
}
