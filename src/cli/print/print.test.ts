import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fieldValue, formatCell, formatScore } from "./cell.js";
import { labelledLines } from "./labelled-lines.js";
import { ProgressLine } from "./progress-line.js";
import { formatBytes, formatDuration } from "./quantity.js";
import { StageLine } from "./stage-line.js";
import { formatTable, type TableColumn } from "./table.js";
import { cutToWidth, oneLine, textWidth } from "./text-width.js";

describe("the width of a text", () => {
  test.each([
    ["abc", 3],
    ["é", 1],
    ["e\u0301", 1],
    ["日本", 4],
    ["💡", 2],
    ["👩‍👩‍👧", 2],
    ["한글", 4],
    ["", 0],
  ])("%s takes %i columns", (text, width) => {
    expect(textWidth(text)).toBe(width);
  });

  test("a cut text never takes more than it may, and ends with an ellipsis when something is gone", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), fc.integer({ min: 1, max: 30 }), (raw, width) => {
        const text = oneLine(raw);
        const cut = cutToWidth(text, width);
        expect(textWidth(cut)).toBeLessThanOrEqual(width);
        if (textWidth(text) <= width) expect(cut).toBe(text);
        else expect(cut.endsWith("…")).toBe(true);
      }),
    );
  });

  test("nothing that moves the cursor or turns the direction gets through", () => {
    expect(oneLine("a\nb\tc\r\u001b[2Jd\u202ee")).toBe("a b c \ufffd[2Jd\ufffde");
  });
});

describe("a table", () => {
  const columns: TableColumn[] = [
    { title: "id", align: "right", canShrink: false },
    { title: "title", align: "left" },
    { title: "text", align: "left" },
  ];
  const rows = [
    ["1", "short", "a ".repeat(60)],
    ["1000", "日本語のタイトル", "x"],
  ];

  test("is aligned by columns of the terminal, wide characters included", () => {
    const { lines, hidden } = formatTable(columns.slice(0, 2), rows, { width: 60, hasColour: false });
    expect(lines).toEqual(["  id  title", "   1  short", "1000  日本語のタイトル"]);
    expect(hidden).toEqual([]);
  });

  test("fits every width from its least one on", () => {
    for (let width = 24; width < 160; width += 1) {
      const { lines, hidden } = formatTable(columns, rows, { width, hasColour: false });
      expect(Math.max(...lines.map(textWidth))).toBeLessThanOrEqual(width);
      expect(hidden).toEqual([]);
    }
  });

  test("leaves columns out, and says which, where there is no place at all", () => {
    const { lines, hidden } = formatTable(columns, rows, { width: 20, hasColour: false });
    expect(hidden).toEqual(["text"]);
    expect(Math.max(...lines.map(textWidth))).toBeLessThanOrEqual(20);
  });

  test("leaves columns out before all become too narrow to read, unless the user chose them", () => {
    const many = ["a", "b", "c", "d", "e"].map((title): TableColumn => ({ title, align: "left" }));
    const wide = [["x".repeat(40), "y", "z".repeat(40), "w".repeat(40), "v".repeat(40)]];
    const some = formatTable(many, wide, { width: 70, hasColour: false });
    expect(some.hidden).toEqual(["e"]);
    expect(some.lines[1]).toBe(`${"x".repeat(20)}…  y  ${"z".repeat(20)}…  ${"w".repeat(20)}…`);
    const all = formatTable(many, wide, { width: 70, hasColour: false, isChosen: true });
    expect(all.hidden).toEqual([]);
    expect(Math.max(...all.lines.map(textWidth))).toBeLessThanOrEqual(70);
  });

  test("is bold in the header where there are colours, and nowhere else", () => {
    const { lines } = formatTable(columns, rows, { width: 60, hasColour: true });
    expect(lines[0]).toContain("\u001b[1m");
    expect(lines.slice(1).join("")).not.toContain("\u001b");
  });
});

test("facts are folded at blanks beside their labels; a long word has its own line", () => {
  const entries = [
    ["id", "7"],
    ["title", "one two three four five 日本語 six"],
    ["url", "x".repeat(30)],
  ] as const;
  expect(labelledLines(entries, 28)).toEqual([
    "id     7",
    "title  one two three four",
    "       five 日本語 six",
    `url    ${"x".repeat(30)}`,
  ]);
  expect(labelledLines(entries, null)[1]).toBe("title  one two three four five 日本語 six");
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [65_300_000, "65.3 MB"],
  [999_600, "1.0 MB"],
  [123_456_789, "123 MB"],
])("%i bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0.1234, "123 µs"],
  [1.234, "1.23 ms"],
  [45.67, "45.7 ms"],
  [456, "456 ms"],
  [12_345, "12.3 s"],
  [185_000, "3 min 5 s"],
  [7_260_000, "2 h 1 min"],
])("%d ms are %s", (milliseconds, text) => {
  expect(formatDuration(milliseconds)).toBe(text);
});

test("cells: lists by their elements, the rest as JSON, missing values empty", () => {
  const values = [null, undefined, "a", 1.5, true, ["x", 2], [{ a: 1 }], { a: 1 }];
  expect(values.map(formatCell)).toEqual(["", "", "a", "1.5", "true", "x, 2", '[{"a":1}]', '{"a":1}']);
});

test("scores keep their size", () => {
  const values = [0.98765, -0.5, 12, 12345.678, 1e-9, 0, 3e12];
  expect(values.map(formatScore)).toEqual([
    "0.9877",
    "-0.5000",
    "12.0000",
    "12345.68",
    "1.000e-9",
    "0.0000",
    "3.000e+12",
  ]);
});

test("a dotted name is a literal key first, then a path", () => {
  expect(fieldValue({ "a.b": 1, a: { b: 2 } }, "a.b")).toBe(1);
  expect(fieldValue({ a: { b: { c: 3 } } }, "a.b.c")).toBe(3);
  expect(fieldValue({ a: "text" }, "a.length")).toBeUndefined();
  expect(fieldValue({}, "constructor")).toBeUndefined();
});

describe("progress", () => {
  function run(isInteractive: boolean, width: number): string[] {
    const written: string[] = [];
    let now = 0;
    const line = new ProgressLine({ isInteractive, width, write: (text) => written.push(text) }, () => now);
    for (now = 50; now <= 20_000; now += 50) line.update(now * 10, now / 20_000);
    line.end();
    return written;
  }

  test("is one line on a terminal, painted a few times a second, within its width, and removed at the end", () => {
    const written = run(true, 59);
    expect(written.length).toBeLessThanOrEqual(201);
    for (const text of written) {
      expect(text.startsWith("\r")).toBe(true);
      expect(text.endsWith("\u001b[K")).toBe(true);
      expect(text).not.toContain("\n");
      expect(text.length - 4).toBeLessThanOrEqual(58);
    }
    expect(written[99]).toBe("\r[#####....]  50%  100,000 rows, 10,000 rows/s, 10.0 s left\u001b[K");
    expect(written.at(-1)).toBe("\r\u001b[K");
  });

  test("is a plain line every few seconds elsewhere", () => {
    expect(run(false, 80)).toEqual([
      "25%  50,000 rows, 10,000 rows/s, 15.0 s left\n",
      "50%  100,000 rows, 10,000 rows/s, 10.0 s left\n",
      "75%  150,000 rows, 10,000 rows/s, 5.0 s left\n",
      "100%  200,000 rows, 10,000 rows/s, 0 µs left\n",
    ]);
  });
});

describe("StageLine", () => {
  const written = (isInteractive: boolean) => {
    const texts: string[] = [];
    let now = 0;
    const line = new StageLine({ isInteractive, width: 20, write: (text) => texts.push(text) }, () => now);
    return { texts, line, pass: (ms: number) => (now += ms) };
  };

  test("elsewhere than on a terminal, a line a stage and no more", () => {
    const { texts, line, pass } = written(false);
    for (const share of [0, 0.5, 1]) {
      line.show("building", share);
      pass(1000);
    }
    line.show("searching");
    line.end();
    expect(texts).toEqual(["building\n", "searching\n"]);
  });

  test("on a terminal one line that is painted over, not too often, and removed", () => {
    const { texts, line, pass } = written(true);
    line.show("building", 0.251);
    line.show("building", 0.3);
    pass(150);
    line.show("building", 0.9);
    line.show("a stage with a long name");
    line.end();
    expect(texts).toEqual([
      "\rbuilding 25%\u001b[K",
      "\rbuilding 90%\u001b[K",
      "\ra stage with a long\u001b[K",
      "\r\u001b[K",
    ]);
  });
});
