/**
 * How do rows get into the index?
 *
 * The kernel reads their JSON and asks back where it needs the analyser (a token never seen before, a text that is not
 * ASCII) or a new field. Rows go over in batches, so that little of them is in the kernel's memory at a time.
 */
import type { TextAnalyser } from "../analysis/text-analyser.js";
import type { FieldNodes } from "./field-nodes.js";
import { kernelStatus, termBytesMax } from "./text-kernel.js";
import type { TextMemory } from "./text-memory.js";

/** Bytes of JSON in the kernel's memory, unless one row has more. */
const batchBytesMax = 15_360;
const batchRowsMax = 256;
/** UTF-16 units of the longest token that `String.fromCharCode` is given at once. */
const unitsMax = 4096;

export class RowReader {
  readonly #memory: TextMemory;
  readonly #nodes: FieldNodes;
  readonly #analyser: TextAnalyser;

  constructor(memory: TextMemory, nodes: FieldNodes, analyser: TextAnalyser) {
    this.#memory = memory;
    this.#nodes = nodes;
    this.#analyser = analyser;
  }

  /** Takes in the rows [from, to) of `bytes`, which end at `ends`. */
  read(bytes: Uint8Array, ends: Uint32Array, from: number, to: number): void {
    let first = from;
    while (first < to) {
      const start = first === 0 ? 0 : (ends[first - 1] as number);
      let next = first + 1;
      while (next < to && next - first < batchRowsMax && (ends[next] as number) - start <= batchBytesMax) next += 1;
      this.#readBatch(bytes, start, ends, first, next);
      first = next;
    }
  }

  #readBatch(bytes: Uint8Array, start: number, ends: Uint32Array, first: number, next: number): void {
    const memory = this.#memory;
    const size = (ends[next - 1] as number) - start;
    const endsBytes = 4 * batchRowsMax;
    memory.withScratch(endsBytes + Math.max(size, batchBytesMax), (scratch) => {
      const input = scratch + endsBytes;
      memory.bytes.set(bytes.subarray(start, start + size), input);
      const words = memory.words;
      for (let row = first; row < next; row++) words[(scratch >>> 2) + row - first] = (ends[row] as number) - start;
      memory.kernel.beginInput(memory.state, input, scratch, next - first);
      this.#run(bytes, start - input);
    });
  }

  /** Answers the kernel until it is done. `offset`: from its addresses to places in `bytes`. */
  #run(bytes: Uint8Array, offset: number): void {
    const { kernel, state } = this.#memory;
    for (;;) {
      const status = kernel.readRows(state);
      if (status === kernelStatus.done) return;
      if (status === kernelStatus.needRoom) {
        this.#memory.growAsWanted();
        continue;
      }
      const address = this.#memory.stateWord("text");
      const length = this.#memory.stateWord("textLength");
      const text = bytes.subarray(address + offset, address + offset + length);
      if (status === kernelStatus.newToken) this.#learnWord(address, length, asciiText(text));
      else if (status === kernelStatus.newKey) this.#nodes.learn(this.#memory.stateWord("node"), text);
      else this.#readString(text, this.#memory.stateWord("node"));
    }
  }

  /** Notes the term of a run of ASCII letters and digits; from here on it is lower case in the kernel's copy too. */
  #learnWord(address: number, length: number, text: string): void {
    const token = text.toLowerCase();
    this.#memory.writeText(address, token);
    this.#learn(address, length, token);
  }

  /** Notes the term of a raw token that lies at `address`. */
  #learn(address: number, length: number, token: string): void {
    const memory = this.#memory;
    const { kernel, state } = memory;
    const term = this.#analyser.termOf(token);
    if (term === null || term.length > termBytesMax) {
      memory.withRoom(() => kernel.learnToken(state, address, length, 0, 0));
    } else if (term === token) {
      memory.withRoom(() => kernel.learnToken(state, address, length, address, length));
    } else {
      memory.withScratch(3 * term.length, (place) => {
        const termLength = memory.writeText(place, term);
        memory.withRoom(() => kernel.learnToken(state, address, length, place, termLength));
      });
    }
  }

  /** Takes in a string that the kernel left: JSON with its quotes. */
  #readString(json: Uint8Array, field: number): void {
    const text = stringOf(json);
    if (text === null) return;
    const memory = this.#memory;
    const { kernel, state } = memory;
    this.#analyser.segments(text, (start, end) => {
      const token = folded(text.slice(start, end));
      if (token.length > termBytesMax) return;
      memory.withScratch(3 * token.length, (address) => {
        const length = memory.writeText(address, token);
        for (;;) {
          const status = kernel.addToken(state, address, length, field);
          if (status === kernelStatus.done) return;
          if (status === kernelStatus.needRoom) memory.growAsWanted();
          else this.#learn(address, length, token);
        }
      });
    });
  }
}

/** ASCII in lower case, as the kernel looks it up; anything else as it is. */
function folded(token: string): string {
  for (let i = 0; i < token.length; i++) if (token.charCodeAt(i) > 127) return token;
  return token.toLowerCase();
}

const decoder = new TextDecoder();

/** The string that JSON bytes hold; null where they hold none. */
function stringOf(json: Uint8Array): string | null {
  try {
    const value: unknown = JSON.parse(decoder.decode(json));
    return typeof value === "string" ? value : null;
  } catch {
    return null;
  }
}

function asciiText(bytes: Uint8Array): string {
  if (bytes.length <= unitsMax) return String.fromCharCode.apply(null, bytes as unknown as number[]);
  return decoder.decode(bytes);
}
