import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CsvParser, type CsvRecord } from "./csv-parser.js";

/** Parses a text that arrives in blocks of `blockLength` characters. */
function parse(text: string, blockLength = text.length || 1, delimiter = ","): CsvRecord[] {
  const parser = new CsvParser("rows.csv", delimiter, 1000);
  const records: CsvRecord[] = [];
  for (let at = 0; at < text.length; at += blockLength) parser.push(text.slice(at, at + blockLength), records);
  parser.end(records);
  return records;
}

const cells = (text: string): (readonly string[])[] => parse(text).map((record) => record.cells);

describe("cells and records", () => {
  test("end with the delimiter and the line, LF or CRLF, with or without a last line break", () => {
    expect(cells("a,b\n1,2\n")).toEqual([
      ["a", "b"],
      ["1", "2"],
    ]);
    expect(cells("a,b\r\n1,2")).toEqual([
      ["a", "b"],
      ["1", "2"],
    ]);
    expect(cells("a,\n,b\n,")).toEqual([
      ["a", ""],
      ["", "b"],
      ["", ""],
    ]);
  });

  test("in quotes may hold delimiters, line breaks and doubled quotes", () => {
    expect(cells('"a,b","c\r\nd","say ""hi""",""\r\nx,y,z,"w"')).toEqual([
      ["a,b", "c\r\nd", 'say "hi"', ""],
      ["x", "y", "z", "w"],
    ]);
  });

  test("may be separated by tabs", () => {
    expect(parse("a\tb,c\n", 2, "\t")[0]?.cells).toEqual(["a", "b,c"]);
  });

  test("know the line they begin on, behind blank lines and line breaks in quotes", () => {
    expect(parse('a\n\n"1\n2\n3"\nb\r\n\r\nc').map((record) => record.line)).toEqual([1, 3, 6, 8]);
  });

  test("a blank line is no record, an empty cell in quotes is one", () => {
    expect(cells('a\n\n""\n')).toEqual([["a"], [""]]);
  });
});

describe("mistakes name the line and what to do", () => {
  test.each([
    ['a\n"open\nstill', /line 2: a quote is opened and never closed/],
    ['a,b\n1,x"y\n', /line 2: a quote inside a bare cell/],
    ['a\n"x"y\n', /line 2: "y" after a closing quote/],
  ])("%j", (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });

  test("a record without end is a limit, not memory", () => {
    expect(() => parse(`a\n"${"x".repeat(2000)}`, 100)).toThrow(/line 2: a record longer than 1000 characters/);
  });
});

test("what is written by RFC 4180 is read back, wherever the blocks are cut", () => {
  const cell = fc.string({ unit: fc.constantFrom("a", ",", '"', "\n", "\r\n", "é", "日", "💡", " ") });
  const table = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 6 });
  fc.assert(
    fc.property(table, fc.integer({ min: 1, max: 7 }), fc.boolean(), (rows, blockLength, isCrlf) => {
      const quoted = rows.map((row) => row.map((text) => `"${text.replaceAll('"', '""')}"`).join(","));
      const read = parse(quoted.join(isCrlf ? "\r\n" : "\n"), blockLength);
      expect(read.map((record) => record.cells)).toEqual(rows);
    }),
  );
});
