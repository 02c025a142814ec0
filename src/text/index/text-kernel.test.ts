import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import * as places from "./text-kernel.js";

/** The constants of the kernel's layout, computed. */
function layout(): Map<string, number> {
  const file = fileURLToPath(new URL("../../kernel/assembly/text/layout.ts", import.meta.url));
  const values = new Map<string, number>();
  for (const [, name, value] of readFileSync(file, "utf8").matchAll(/export const (\w+): \w+ = ([^;]+);/g)) {
    const sum = (value as string)
      .split("+")
      .reduce(
        (total, term) => total + term.split("*").reduce((product, part) => product * numberOf(part, values), 1),
        0,
      );
    values.set(name as string, sum);
  }
  return values;
}

function numberOf(text: string, values: ReadonlyMap<string, number>): number {
  const trimmed = text.trim();
  return values.get(trimmed) ?? Number(trimmed.replaceAll("_", ""));
}

const kernelName = (prefix: string, name: string) =>
  prefix + name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

test("the places known outside the kernel are the kernel's", () => {
  const values = layout();
  for (const [prefix, known] of [
    ["S_", places.statePlace],
    ["Q_", places.questionPlace],
    ["C_", places.cursorPlace],
    ["", places.kernelStatus],
  ] as const) {
    for (const [name, place] of Object.entries(known)) {
      const there = kernelName(prefix, name);
      expect(values.get(there), there).toBe(place);
    }
  }
  expect(values.get("STATE_BYTES")).toBeLessThanOrEqual(places.stateBytes);
  expect(values.get("QUESTION_BYTES")).toBe(places.questionBytes);
  expect(values.get("CURSOR_BYTES")).toBe(places.cursorBytes);
  expect(2 * (values.get("BUFFER_BYTES") as number)).toBe(places.cursorBufferBytes);
  expect(values.get("WINDOW_ROWS")).toBe(places.windowRows);
  expect(values.get("UNIT_BYTES")).toBe(places.unitBytes);
  expect(values.get("NODE_INDEXED")).toBe(places.nodeIndexed);
  expect(values.get("TEXT_BYTES_MAX")).toBe(places.termBytesMax);
  expect(values.get("ROWS_MAX")).toBe(places.indexRowsMax);
});
