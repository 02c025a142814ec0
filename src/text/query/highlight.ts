/**
 * Which words of a text did a query find?
 *
 * Marks the words whose terms the query scores (so "walked" for "walking" where stems are used), words with a searched
 * beginning, and phrases, as a whole, where they stand. A long text gives its best fragments. Part of the text layer.
 */
import { LynseError } from "../../errors.js";
import type { TextAnalyser } from "../analysis/text-analyser.js";
import { chooseFragments } from "./choose-fragments.js";
import { findMatches, type TextMatches } from "./find-matches.js";
import type { TextQuery } from "./text-query.js";

/** How matches are shown. */
export interface HighlightOptions {
  /** Put before a match. Default `"<mark>"`. */
  readonly before?: string;
  /** Put after a match. Default `"</mark>"`. */
  readonly after?: string;
  /**
   * Characters of a fragment, the marks not counted; longer only where a match is longer. Default: the whole text is
   * one fragment.
   */
  readonly maxLength?: number;
  /** Fragments of one text, with `maxLength`. Default 1. */
  readonly maxFragments?: number;
  /** Put where a fragment leaves out text before or after it. Default `"…"`. */
  readonly ellipsis?: string;
  /** The text between the marks and around them is escaped for HTML; the marks are not. Default `false`. */
  readonly escapeHtml?: boolean;
}

const optionNames = ["before", "after", "maxLength", "maxFragments", "ellipsis", "escapeHtml"];

/** Options with their defaults. `INVALID_ARGUMENT`: an unknown name or an impossible value. */
export function checkHighlightOptions(value: unknown): Required<HighlightOptions> {
  const given = (value ?? {}) as Record<string, unknown>;
  if (typeof given !== "object" || Array.isArray(given)) {
    throw new LynseError("INVALID_ARGUMENT", `highlight takes an options object, got ${typeof value}`);
  }
  for (const name of Object.keys(given)) {
    if (!optionNames.includes(name)) throw refused(`has no option "${name}"; it takes ${optionNames.join(", ")}`, name);
  }
  const text = (name: string, standard: string): string => {
    const found = given[name] ?? standard;
    if (typeof found === "string") return found;
    throw refused(`takes a string as ${name}, got ${typeof found}`, name);
  };
  const count = (name: string, standard: number): number => {
    const found = given[name] ?? standard;
    if (found === standard || (typeof found === "number" && Number.isSafeInteger(found) && found >= 1)) {
      return found as number;
    }
    throw refused(`takes an integer of at least 1 as ${name}, got ${String(found)}`, name);
  };
  const escapeHtml = given["escapeHtml"] ?? false;
  if (typeof escapeHtml !== "boolean") throw refused("takes true or false as escapeHtml", "escapeHtml");
  return {
    before: text("before", "<mark>"),
    after: text("after", "</mark>"),
    maxLength: count("maxLength", Number.POSITIVE_INFINITY),
    maxFragments: count("maxFragments", 1),
    ellipsis: text("ellipsis", "…"),
    escapeHtml,
  };
}

/** The fragments of `text` with a match, in its order; none when nothing in it matches. */
export function highlight(
  text: string,
  query: Pick<TextQuery, "words" | "phrases">,
  analyser: TextAnalyser,
  options: HighlightOptions = {},
): string[] {
  const checked = checkHighlightOptions(options);
  const matches = findMatches(text, query, analyser);
  if (matches.spans.length === 0) return [];
  return chooseFragments(matches, text.length, checked.maxLength, checked.maxFragments).map(({ start, end }) =>
    markedText(text, start, end, matches, checked),
  );
}

function markedText(
  text: string,
  start: number,
  end: number,
  matches: TextMatches,
  options: Required<HighlightOptions>,
): string {
  const shown = (from: number, to: number): string => {
    const part = text.slice(from, to);
    return options.escapeHtml ? part.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`) : part;
  };
  const parts = [start > 0 ? options.ellipsis : ""];
  let at = start;
  for (const span of matches.spans) {
    if (span.start < start || span.end > end) continue;
    parts.push(shown(at, span.start), options.before, shown(span.start, span.end), options.after);
    at = span.end;
  }
  parts.push(shown(at, end), end < text.length ? options.ellipsis : "");
  return parts.join("");
}

function refused(what: string, option: string): LynseError {
  return new LynseError("INVALID_ARGUMENT", `highlight ${what}`, { option });
}
