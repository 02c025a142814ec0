/**
 * Where do the records and cells of a CSV text begin and end?
 *
 * RFC 4180: cells in double quotes may hold the delimiter, line breaks and doubled quotes; records end with CRLF or LF.
 * The text arrives in blocks of any length, and a record may begin in one block and end in another: the parser keeps
 * its state between blocks and never looks at a character twice. Reader layer of the command line.
 */
import { LynseError } from "../../errors.js";

export interface CsvRecord {
  /** Line on which the record begins, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
  /** Positions of the cells that are empty between quotes; undefined for none. */
  readonly emptyTexts?: readonly number[];
}

const quote = 34;
const lineFeed = 10;

/** `start`: before a cell; `plain`: in a bare one; `quoted`: between quotes; `closed`: after a quote within quotes. */
type State = "start" | "plain" | "quoted" | "closed";

export class CsvParser {
  readonly #name: string;
  readonly #delimiter: number;
  readonly #recordLengthMax: number;
  #state: State = "start";
  #cells: string[] = [];
  #cell = "";
  #line = 1;
  #recordLine = 1;
  #quoteLine = 1;
  #recordLength = 0;
  #hasQuotes = false;
  #emptyTexts: number[] = [];

  constructor(name: string, delimiter: string, recordLengthMax: number) {
    this.#name = name;
    this.#delimiter = delimiter.charCodeAt(0);
    this.#recordLengthMax = recordLengthMax;
  }

  /** Appends the records that end in `text` to `into`; those ahead of a mistake are there when it throws. */
  push(text: string, into: CsvRecord[]): void {
    let at = 0;
    while (at < text.length) {
      const before = at;
      if (this.#state === "start") at = this.#atStart(text, at, into);
      else if (this.#state === "plain") at = this.#inPlain(text, at, into);
      else if (this.#state === "quoted") at = this.#inQuotes(text, at);
      else at = this.#afterQuote(text, at, into);
      this.#recordLength += at - before;
      if (this.#recordLength > this.#recordLengthMax) throw this.#tooLong();
    }
  }

  /** Ends the text: the last record need not have a line break. */
  end(into: CsvRecord[]): void {
    if (this.#state === "quoted") {
      throw this.#error(this.#quoteLine, 'a quote is opened and never closed; close it or double it ("")');
    }
    if (this.#state !== "start" || this.#cells.length > 0) this.#endRecord(into, false);
  }

  #atStart(text: string, at: number, into: CsvRecord[]): number {
    const code = text.charCodeAt(at);
    if (code === quote) {
      this.#state = "quoted";
      this.#hasQuotes = true;
      this.#quoteLine = this.#line;
      return at + 1;
    }
    this.#state = "plain";
    return this.#inPlain(text, at, into);
  }

  #inPlain(text: string, from: number, into: CsvRecord[]): number {
    let at = from;
    for (; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code === this.#delimiter) {
        this.#cell += text.slice(from, at);
        this.#endCell();
        return at + 1;
      }
      if (code === lineFeed) {
        this.#cell += text.slice(from, at);
        if (this.#cell.endsWith("\r")) this.#cell = this.#cell.slice(0, -1);
        this.#endRecord(into, true);
        return at + 1;
      }
      if (code === quote) {
        throw this.#error(this.#line, 'a quote inside a bare cell; put the cell in quotes and double the quote ("")');
      }
    }
    this.#cell += text.slice(from, at);
    return at;
  }

  #inQuotes(text: string, from: number): number {
    const found = text.indexOf('"', from);
    const end = found === -1 ? text.length : found;
    for (let at = from; at < end; at += 1) if (text.charCodeAt(at) === lineFeed) this.#line += 1;
    this.#cell += text.slice(from, end);
    if (found === -1) return end;
    this.#state = "closed";
    return end + 1;
  }

  #afterQuote(text: string, at: number, into: CsvRecord[]): number {
    const code = text.charCodeAt(at);
    if (code === quote) {
      this.#cell += '"';
      this.#state = "quoted";
    } else if (code === this.#delimiter) {
      this.#endCell();
    } else if (code === lineFeed) {
      this.#endRecord(into, true);
    } else if (code !== 13) {
      const found = JSON.stringify(text[at]);
      throw this.#error(this.#line, `${found} after a closing quote; a quote inside a quoted cell is doubled ("")`);
    }
    return at + 1;
  }

  #endCell(): void {
    if (this.#state === "closed" && this.#cell === "") this.#emptyTexts.push(this.#cells.length);
    this.#cells.push(this.#cell);
    this.#cell = "";
    this.#state = "start";
  }

  #endRecord(into: CsvRecord[], hasLineFeed: boolean): void {
    this.#endCell();
    const isBlank = this.#cells.length === 1 && this.#cells[0] === "" && !this.#hasQuotes;
    const emptyTexts = this.#emptyTexts.length === 0 ? {} : { emptyTexts: this.#emptyTexts };
    if (!isBlank) into.push({ line: this.#recordLine, cells: this.#cells, ...emptyTexts });
    this.#cells = [];
    this.#emptyTexts = [];
    if (hasLineFeed) this.#line += 1;
    this.#recordLine = this.#line;
    this.#recordLength = 0;
    this.#hasQuotes = false;
  }

  #tooLong(): LynseError {
    const max = this.#recordLengthMax;
    return new LynseError(
      "LIMIT_EXCEEDED",
      `${this.#name} line ${this.#recordLine}: a record longer than ${max} characters; is a closing quote missing?`,
      { file: this.#name, line: this.#recordLine, limit: "recordLengthMax", max },
    );
  }

  #error(line: number, what: string): LynseError {
    return new LynseError("INVALID_ARGUMENT", `${this.#name} line ${line}: ${what}`, { file: this.#name, line });
  }
}
