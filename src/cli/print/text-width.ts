/**
 * How many terminal columns does a text take, and how is it cut to fewer?
 *
 * Counts graphemes: none for combining marks, two for East Asian wide characters (Unicode TR 11) and emoji. Text from
 * a database is shown on one line: white space becomes a blank, and control and direction characters, which could
 * repaint the terminal, become a visible mark. Printing part of the command line.
 */

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Ranges of code points that are two columns wide. */
const wideRanges: readonly (readonly [first: number, last: number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f900, 0x1f9ff],
  [0x20000, 0x3fffd],
];

function isPlain(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

function graphemeWidth(grapheme: string): number {
  const code = grapheme.codePointAt(0) ?? 0;
  if (/^\p{M}/u.test(grapheme)) return 0;
  if (grapheme.includes("\ufe0f") || /^\p{Emoji_Presentation}/u.test(grapheme)) return 2;
  return wideRanges.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}

/** The text on one line, with nothing in it that moves the cursor or turns the direction. */
export function oneLine(text: string): string {
  if (isPlain(text)) return text;
  return text.replace(/\s+/gu, " ").replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "\ufffd");
}

/** Columns of a text of one line. */
export function textWidth(text: string): number {
  if (isPlain(text)) return text.length;
  let width = 0;
  for (const { segment } of segmenter.segment(text)) width += graphemeWidth(segment);
  return width;
}

/** The text in at most `width` columns; what is cut off is replaced by an ellipsis. */
export function cutToWidth(text: string, width: number): string {
  // No grapheme is longer than its text: what lies this far behind cannot be shown and need not be looked at.
  const near = text.length > width * 16 + 64 ? text.slice(0, width * 16 + 64) : text;
  if (near === text && textWidth(text) <= width) return text;
  let kept = "";
  let used = 0;
  for (const { segment } of segmenter.segment(near)) {
    const next = graphemeWidth(segment);
    if (used + next > width - 1) break;
    kept += segment;
    used += next;
  }
  return width < 1 ? "" : `${kept}…`;
}
