/**
 * Which parts of a long text show best why it was found?
 *
 * A fragment begins with a match and takes in those that follow while they fit. The best ones show the most different
 * parts of the query, then the most matches, then come first. The room that is left goes to the words before and
 * after. Part of the text layer.
 */
import type { MatchSpan, TextMatches } from "./find-matches.js";

/** A part of a text, UTF-16 offsets. */
export interface TextFragment {
  readonly start: number;
  readonly end: number;
}

interface Window extends TextFragment {
  readonly parts: number;
  readonly matches: number;
}

/** Up to `fragmentsMax` fragments of at most `lengthMax` units, in the order of the text, without overlap. */
export function chooseFragments(
  matches: TextMatches,
  textLength: number,
  lengthMax: number,
  fragmentsMax: number,
): TextFragment[] {
  if (textLength <= lengthMax) return [{ start: 0, end: textLength }];
  const ranked = windowsOf(matches.spans, lengthMax).sort(
    (a, b) => b.parts - a.parts || b.matches - a.matches || a.start - b.start,
  );
  const chosen: TextFragment[] = [];
  for (const window of ranked) {
    if (chosen.length === fragmentsMax) break;
    const fragment = widened(window, matches, textLength, lengthMax);
    if (chosen.every((other) => fragment.end <= other.start || fragment.start >= other.end)) chosen.push(fragment);
  }
  return chosen.sort((a, b) => a.start - b.start);
}

/** For each match, the window that begins with it; how many parts it shows is kept while its ends move. */
function windowsOf(spans: readonly MatchSpan[], lengthMax: number): Window[] {
  const windows: Window[] = [];
  const counts = new Map<number, number>();
  let to = 0;
  for (const [from, first] of spans.entries()) {
    while (to < spans.length && (to <= from || spans[to]!.end - first.start <= lengthMax)) {
      const { part } = spans[to]!;
      counts.set(part, (counts.get(part) ?? 0) + 1);
      to += 1;
    }
    windows.push({ start: first.start, end: spans[to - 1]!.end, parts: counts.size, matches: to - from });
    const left = counts.get(first.part)! - 1;
    if (left === 0) counts.delete(first.part);
    else counts.set(first.part, left);
  }
  return windows;
}

/** The window with whole words around it: a third of the room before it, the rest after, and what one side leaves. */
function widened(window: Window, matches: TextMatches, textLength: number, lengthMax: number): TextFragment {
  const room = Math.max(0, lengthMax - (window.end - window.start));
  const atEnd = Math.max(0, room - (textLength - window.end));
  const before = Math.min(window.start, Math.max(Math.floor(room / 3), atEnd));
  const earliest = window.start - before;
  const start = earliest === 0 ? 0 : firstAtLeast(matches.wordStarts, earliest, window.start);
  const latest = Math.min(textLength, Math.max(window.end, start + lengthMax));
  const end = latest === textLength ? textLength : lastAtMost(matches.wordEnds, latest, window.end);
  return { start, end };
}

/** The first of ascending `values` that is at least `bound`; `otherwise` when there is none below it. */
function firstAtLeast(values: readonly number[], bound: number, otherwise: number): number {
  return Math.min(values[lowerBound(values, bound)] ?? otherwise, otherwise);
}

/** The last of ascending `values` that is at most `bound`; `otherwise` when there is none above it. */
function lastAtMost(values: readonly number[], bound: number, otherwise: number): number {
  return Math.max(values[lowerBound(values, bound + 1) - 1] ?? otherwise, otherwise);
}

function lowerBound(values: readonly number[], bound: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
