/**
 * How is a list of labels and texts shown, as the facts about one thing?
 *
 * Labels in a column, texts beside them, folded at blanks to the width of the terminal. Printing part of the command
 * line.
 */
import { oneLine, textWidth } from "./text-width.js";

const gap = "  ";
/** Texts are not folded to less than this: a narrower terminal folds by itself. */
const textWidthMin = 20;

/** `width` is null where nothing limits the line. */
export function labelledLines(
  entries: readonly (readonly [label: string, text: string])[],
  width: number | null,
): string[] {
  const shown = entries.map(([label, text]) => [oneLine(label), oneLine(text)] as const);
  const labelWidth = Math.max(...shown.map(([label]) => textWidth(label)));
  const room = width === null ? Number.POSITIVE_INFINITY : Math.max(textWidthMin, width - labelWidth - gap.length);
  return shown.flatMap(([label, text]) =>
    fold(text, room).map((part, at) => {
      const head = at === 0 ? label : "";
      return `${head}${" ".repeat(labelWidth - textWidth(head))}${gap}${part}`.trimEnd();
    }),
  );
}

/** Lines of at most `width` columns; a word that is longer than a line has one of its own. */
function fold(text: string, width: number): string[] {
  if (textWidth(text) <= width) return [text];
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && textWidth(longer) > width) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}
