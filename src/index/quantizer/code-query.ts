/**
 * How does a search over compressed rows run in the kernel's memory?
 *
 * It takes scratch for its state and mask, and hands it back with the shortlist; both must happen, whatever goes wrong
 * between. A state's layout is the kernel's (`assembly/quantize/state.ts`); here only what the host reads and writes.
 */
import type { KernelMemory, Scratch } from "../../kernel/kernel-memory.js";
import type { IndexSearch } from "../vector-index.js";
import type { Codec } from "./codec.js";
import type { QuantizeKernel } from "./quantize-kernel.js";

// Words of a state's header.
const listWord = 3;
const scoredWord = 13;
const probedWord = 15;
const enoughWord = 18;
const nprobeWord = 19;
const headerWords = 20;
/** Row limit that lets the kernel skip its test. */
const noLimit = 0xffff_ffff;

export interface CodeQueryOptions {
  readonly memory: KernelMemory;
  readonly kernel: QuantizeKernel;
  readonly codec: Codec;
  readonly dim: number;
  /** Rows that the index covers. */
  readonly rowCount: number;
  readonly request: Pick<IndexSearch, "query" | "mask" | "rowCount">;
  /** Entries of the shortlist. */
  readonly wanted: number;
  /** Lists of an inverted file; 0: none. */
  readonly lists: number;
}

export class CodeQuery {
  /** Address for the kernel. */
  readonly state: number;
  /** The query as it is compared: scaled to length 1 for `cos`. */
  readonly query: Float32Array;
  #memory: KernelMemory;
  #kernel: QuantizeKernel;
  #scratch: Scratch;
  #mask: Scratch | null;

  constructor({ memory, kernel, codec, dim, rowCount, request, wanted, lists }: CodeQueryOptions) {
    const { query, mask } = request;
    this.#memory = memory;
    this.#kernel = kernel;
    this.#scratch = memory.acquireScratch(kernel.stateBytes(codec.address, wanted, lists) >>> 0);
    this.#mask = null;
    if (mask !== null) {
      const words = Math.ceil(rowCount / 32);
      this.#mask = memory.acquireScratch(words * 4);
      const target = new Uint32Array(memory.buffer, this.#mask.address, words);
      if (mask.length >= words) target.set(mask.subarray(0, words));
      else {
        target.set(mask);
        target.fill(0, mask.length);
      }
    }
    this.state = this.#scratch.address;
    const limit = request.rowCount < rowCount ? request.rowCount : noLimit;
    const place = kernel.initState(this.state, codec.address, wanted, lists, this.#mask?.address ?? 0, limit) >>> 0;
    this.query = new Float32Array(memory.buffer, place, dim);
    this.query.set(query);
    kernel.prepareQuery(this.state);
  }

  /** Sets how many lists are looked at first, and how many rows that may be returned must be met. */
  setEffort(nprobe: number, enough: number): void {
    const header = new Uint32Array(this.#memory.buffer, this.state, headerWords);
    header[nprobeWord] = nprobe;
    header[enoughWord] = enough;
  }

  /** The shortlist, best first, and what was looked at. */
  finish(): { readonly rows: Uint32Array; readonly rowsScored: number; readonly listsProbed: number } {
    const header = new Uint32Array(this.#memory.buffer, this.state, headerWords);
    const list = header[listWord] as number;
    const count = this.#kernel.finishShortlist(list) >>> 0;
    const rowsAt = new Uint32Array(this.#memory.buffer, list, 5)[4] as number;
    const rows = new Uint32Array(this.#memory.buffer, rowsAt, count).slice();
    return { rows, rowsScored: header[scoredWord] as number, listsProbed: header[probedWord] as number };
  }

  /** Hands the scratch back. */
  release(): void {
    this.#memory.releaseScratch(this.#scratch);
    if (this.#mask !== null) this.#memory.releaseScratch(this.#mask);
  }
}
