/**
 * Which words does a where text consist of?
 *
 * One token at a time, so that the first mistake in reading order is the one reported. Linear in the text; every
 * regular expression is sticky and free of nested repetition.
 */
import { whereSyntaxError } from "./where-syntax-error.js";

/** Words that are never field names unless quoted. LENGTH, LOWER, ANY and ALL are words only where they can stand. */
const reservedWords: ReadonlySet<string> = new Set([
  "AND",
  "OR",
  "NOT",
  "IN",
  "BETWEEN",
  "LIKE",
  "ILIKE",
  "IS",
  "NULL",
  "TRUE",
  "FALSE",
  "CONTAINS",
]);

/** True for a word that a field may only be called in quotes. */
export function isReservedWord(word: string): boolean {
  return reservedWords.has(word.toUpperCase());
}

/** What an unquoted part of a field name looks like: a Unicode identifier. */
export const bareName = /[\p{ID_Start}_$][\p{ID_Continue}$]*/uy;

const spaces = /\s*/y;
const number = /[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const parameter = /:[A-Za-z_]\w*/y;
const symbol = /<>|<=|>=|!=|==|[=<>(),]/y;
const nameStart = /[\p{ID_Start}_$"`]/uy;

export interface Token {
  readonly kind: "name" | "keyword" | "number" | "text" | "parameter" | "symbol" | "end";
  /** Keyword in capitals, symbol as written, path of a name, text without quotes, name of a parameter. */
  readonly value: string;
  /** Offset of its first character. */
  readonly start: number;
  /** As written. */
  readonly raw: string;
  /** True for a name that is one quoted text. */
  readonly isQuoted: boolean;
}

export class WhereLexer {
  readonly #text: string;
  #offset = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next token; `"end"` again and again after the last one. */
  next(): Token {
    this.#match(spaces);
    const start = this.#offset;
    const character = this.#text[start];
    if (character === undefined) return this.#token("end", "", start);
    if (character === "'") return this.#token("text", this.#quoted("'", "the text's closing quote '"), start);
    if (this.#peek(nameStart)) return this.#name();
    const found = this.#match(symbol);
    if (found !== null) return this.#token("symbol", found, start);
    const numberText = this.#match(number);
    if (numberText !== null) return this.#number(numberText, start);
    const name = this.#match(parameter);
    if (name !== null) return this.#token("parameter", name.slice(1), start);
    throw this.#unexpected(start);
  }

  #token(kind: Token["kind"], value: string, start: number, isQuoted = false): Token {
    return { kind, value, start, raw: this.#text.slice(start, this.#offset), isQuoted };
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#offset;
    const match = pattern.exec(this.#text);
    if (match === null) return null;
    this.#offset = pattern.lastIndex;
    return match[0];
  }

  #peek(pattern: RegExp): boolean {
    pattern.lastIndex = this.#offset;
    return pattern.test(this.#text);
  }

  /** Reads a quoted run whose quote is escaped by doubling; the offset stands on the opening quote. */
  #quoted(quote: string, expected: string): string {
    const start = this.#offset;
    let content = "";
    let from = start + 1;
    for (;;) {
      const close = this.#text.indexOf(quote, from);
      if (close === -1) {
        throw whereSyntaxError(this.#text, { position: start, got: `${quote} without its end`, expected });
      }
      content += this.#text.slice(from, close);
      if (this.#text[close + 1] !== quote) {
        this.#offset = close + 1;
        return content;
      }
      content += quote;
      from = close + 2;
    }
  }

  #name(): Token {
    const start = this.#offset;
    const parts: string[] = [];
    let isQuoted = false;
    for (;;) {
      const quote = this.#text[this.#offset];
      isQuoted = quote === '"' || quote === "`";
      if (isQuoted) {
        parts.push(this.#quoted(quote ?? '"', `the name's closing quote ${quote}`));
      } else {
        const part = this.#match(bareName);
        if (part === null) {
          const position = this.#offset;
          throw whereSyntaxError(this.#text, { position, got: this.#shownAt(position), expected: 'a name after "."' });
        }
        parts.push(part);
      }
      if (this.#text[this.#offset] !== ".") break;
      this.#offset += 1;
    }
    const only = parts.length === 1;
    const word = parts.join(".");
    if (only && !isQuoted && isReservedWord(word)) return this.#token("keyword", word.toUpperCase(), start);
    return this.#token("name", word, start, only && isQuoted);
  }

  #number(text: string, start: number): Token {
    if (this.#peek(nameStart) || this.#text[this.#offset] === ".") {
      const position = this.#offset;
      const got = this.#shownAt(position);
      throw whereSyntaxError(this.#text, {
        position,
        got,
        expected: "the end of the number",
        hint: "text takes quotes",
      });
    }
    if (!Number.isFinite(Number(text))) {
      throw whereSyntaxError(this.#text, { position: start, got: text, expected: "a number below 1.8e308" });
    }
    return this.#token("number", text, start);
  }

  #shownAt(position: number): string {
    const code = this.#text.codePointAt(position);
    return code === undefined ? "the end of the text" : JSON.stringify(String.fromCodePoint(code));
  }

  #unexpected(position: number): Error {
    const hints: Record<string, string> = {
      "-": 'a name with "-" takes double quotes, and there is no arithmetic',
      "+": "there is no arithmetic; compute the value first",
      "*": "there is no arithmetic; compute the value first",
      "/": "there is neither arithmetic nor comments",
      ":": 'a parameter is ":" and a name, as in :lang',
      "?": "a parameter is named, as in :lang",
      "&": "use AND",
      "|": "use OR",
      "!": "use NOT or !=",
      ";": "a filter is one expression",
      "[": "a list stands in parentheses",
    };
    const hint = Object.hasOwn(hints, this.#text[position] ?? "") ? hints[this.#text[position] ?? ""] : undefined;
    const got = this.#shownAt(position);
    return whereSyntaxError(this.#text, { position, got, expected: "a field, a value or an operator", hint });
  }
}
