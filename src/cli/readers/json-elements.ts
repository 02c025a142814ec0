/**
 * Which objects does a JSON text hold, one after the other, without holding the text?
 *
 * The elements of the array that the text is, or of the array called `points` in it or in its `result`; and every object that stands by
 * itself, so that JSON Lines are the same. Text comes in blocks of any length; only the object that is being read is kept.
 * What stands around the objects is passed over, not checked. Reader layer of the command line.
 */

/** Characters of one object. */
const elementLengthMax = 64 * 1024 * 1024;
const keyLengthMax = 64;

const code = { quote: 34, backslash: 92, open: 123, close: 125, openList: 91, closeList: 93, colon: 58, comma: 44 };

export class JsonElements {
  /** Opening brackets of what is open. */
  readonly #stack: number[] = [];
  /** The key that each of them stands under. */
  readonly #keys: string[] = [];
  /** Depth within the array whose elements are wanted; null outside of one. */
  #listDepth: number | null = null;
  #isInString = false;
  #isEscaped = false;
  /** The string that was read last: a key, where a colon follows. */
  #lastString = "";
  #key = "";
  /** Depth of the object that is kept, as it was ahead of it; null for none. */
  #keptFrom: number | null = null;
  #kept: string[] = [];
  #keptLength = 0;

  /** Takes in text; gives the objects that end in it. Throws a `SyntaxError` where there can be none. */
  push(text: string): string[] {
    const found: string[] = [];
    let start = this.#keptFrom === null ? -1 : 0;
    for (let at = 0; at < text.length; at++) {
      const char = text.charCodeAt(at);
      if (this.#isInString) {
        this.#inString(char, text, at);
        continue;
      }
      if (char === code.quote) {
        this.#isInString = true;
        this.#lastString = "";
      } else if (char === code.colon) this.#key = this.#lastString;
      else if (char === code.comma) this.#key = "";
      else if (char === code.open) {
        if (this.#keptFrom === null && this.#isElement()) {
          this.#keptFrom = this.#stack.length;
          start = at;
        }
        this.#open(char);
      } else if (char === code.openList) {
        if (this.#opensElements()) {
          this.#listDepth = this.#stack.length + 1;
          this.#forget();
          start = -1;
        }
        this.#open(char);
      } else if (char === code.close || char === code.closeList) {
        this.#close(char);
        if (this.#keptFrom === this.#stack.length) {
          this.#keep(text.slice(start, at + 1));
          found.push(this.#kept.join(""));
          this.#forget();
          start = -1;
        }
      }
    }
    if (this.#keptFrom !== null) this.#keep(text.slice(start));
    return found;
  }

  /** Ends the text: throws where an object or list is open still. */
  end(): void {
    if (this.#stack.length > 0 || this.#isInString) throw new SyntaxError("the text ends within an object or a list");
  }

  #inString(char: number, text: string, at: number): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (char === code.backslash) this.#isEscaped = true;
    else if (char === code.quote) {
      this.#isInString = false;
      return;
    }
    if (this.#lastString.length < keyLengthMax) this.#lastString += text[at];
  }

  /** True where an object that begins here is wanted: in the list, or by itself. */
  #isElement(): boolean {
    return this.#listDepth === null ? this.#stack.length === 0 : this.#stack.length === this.#listDepth;
  }

  /** True where the list that begins here is the one whose elements are wanted. */
  #opensElements(): boolean {
    if (this.#listDepth !== null) return false;
    const { length } = this.#stack;
    // The answer of a scroll is `{"result": {"points": […]}}`.
    return length === 0 || (this.#key === "points" && (length === 1 || (length === 2 && this.#keys[1] === "result")));
  }

  #open(char: number): void {
    this.#stack.push(char);
    this.#keys.push(this.#key);
    this.#key = "";
  }

  #close(char: number): void {
    const open = this.#stack.pop();
    this.#keys.pop();
    if (open !== (char === code.close ? code.open : code.openList)) {
      throw new SyntaxError(`a closing ${String.fromCharCode(char)} that nothing opens`);
    }
    if (this.#listDepth !== null && this.#stack.length < this.#listDepth) this.#listDepth = null;
  }

  #keep(text: string): void {
    this.#kept.push(text);
    this.#keptLength += text.length;
    if (this.#keptLength > elementLengthMax) {
      throw new SyntaxError(`an object longer than ${elementLengthMax} characters`);
    }
  }

  #forget(): void {
    this.#keptFrom = null;
    this.#kept = [];
    this.#keptLength = 0;
  }
}
