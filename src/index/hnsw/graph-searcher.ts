/**
 * How is a graph asked?
 *
 * A searcher has a walker and places for some queries and their answers, which one call of the kernel fills: on the calling
 * thread, or as a task on another one. It renews them when the graph has grown or more is asked for.
 */
import type { Scratch } from "../../kernel/kernel-memory.js";
import type { KernelTask } from "../../kernel/kernel-pool.js";
import type { IndexCandidates } from "../vector-index.js";
import { graphSource } from "./graph-kernel.js";
import { type GraphQuestion, ways } from "./graph-question.js";
import type { RowGraph, Walker } from "./row-graph.js";

/** u32 before an answer's rows: how many they are, nodes scored, the way. */
const answerWords = 3;
/** Room made at least, so that it is seldom renewed. */
const efMin = 256;

export class GraphSearcher {
  readonly #graph: RowGraph;
  #walker: Walker | null = null;
  #places: Scratch | null = null;
  #asked: GraphQuestion | null = null;
  #queryCount = 0;

  constructor(graph: RowGraph) {
    this.#graph = graph;
  }

  /** Answers one query here and now. */
  search(query: Float32Array, question: GraphQuestion): IndexCandidates {
    const [graph, walker, queries, count, answers] = this.#put(query, 1, question);
    this.#graph.kernel.answer(graph, walker, queries, count, answers);
    return this.#answerAt(0, question);
  }

  /** A task that answers `count` queries; nothing else may be asked before `takeAnswers`. */
  lend(queries: Float32Array, count: number, question: GraphQuestion): KernelTask {
    const args = this.#put(queries, count, question);
    this.#graph.lend(this.#walker as Walker);
    return { module: graphSource, memory: this.#graph.memory.memory, name: "answer", args };
  }

  /** The answers of the task that was lent. */
  takeAnswers(): IndexCandidates[] {
    this.#graph.takeBack(this.#walker as Walker);
    const question = this.#asked as GraphQuestion;
    return Array.from({ length: this.#queryCount }, (_, at) => this.#answerAt(at, question));
  }

  /** Gives back its places. No task of it is under way. */
  release(): void {
    const { memory } = this.#graph;
    if (this.#places !== null) memory.releaseScratch(this.#places);
    this.#places = null;
    this.#dropWalker();
  }

  /** Puts queries and question where the kernel finds them; returns the arguments of the call. */
  #put(
    queries: Float32Array,
    count: number,
    question: GraphQuestion,
  ): readonly [graph: number, walker: number, queries: number, count: number, answers: number] {
    const { address, memory, space } = this.#graph;
    const { map, dim } = space;
    const walker = this.#ask(question);
    const queryBytes = 4 * dim * count;
    const places = this.#placesFor(queryBytes + this.#answerBytes(question) * count);
    const target = new Float32Array(memory.buffer, places.address, dim * count);
    const sourceDim = queries.length / count;
    if (map === null) target.set(queries);
    else for (let at = 0; at < count; at++) map(queries, at * sourceDim, target, at * dim);
    this.#queryCount = count;
    return [address, walker.address, places.address, count, places.address + queryBytes];
  }

  /** A walker that knows the question. */
  #ask(question: GraphQuestion): Walker {
    const { kernel, memory, capacity } = this.#graph;
    const { way, ef, firstEf, scanBelow, filterBelow, scanMost, rowCount, sure, limit, mask } = question;
    const efMost = Math.max(ef, firstEf, scanMost);
    if (this.#walker !== null && (this.#walker.rows < capacity || this.#walker.ef < efMost)) this.#dropWalker();
    const walker = (this.#walker ??= this.#graph.acquireWalker(Math.max(efMost, efMin)));
    if (this.#asked === question) return walker;
    const wayNumber = ways.indexOf(way);
    kernel.ask(walker.address, wayNumber, ef, firstEf, scanBelow, filterBelow, scanMost, rowCount, sure, limit);
    if (mask !== null) {
      const words = Math.ceil(rowCount / 32);
      const place = kernel.maskPlace(walker.address) >>> 0;
      const bits = new Uint32Array(memory.buffer, place, Math.ceil(walker.rows / 32));
      bits.set(mask.subarray(0, words));
      bits.fill(0, words);
    }
    this.#asked = question;
    return walker;
  }

  #answerBytes({ limit }: GraphQuestion): number {
    return this.#graph.kernel.answerBytes(limit) >>> 0;
  }

  #answerAt(at: number, question: GraphQuestion): IndexCandidates {
    const { memory, space } = this.#graph;
    const answers = (this.#places as Scratch).address + 4 * space.dim * this.#queryCount;
    const place = answers + at * this.#answerBytes(question);
    const [listed = 0, scored = 0, way = 0] = new Uint32Array(memory.buffer, place, answerWords);
    const rows = new Uint32Array(memory.buffer, place + 4 * answerWords, listed).slice();
    return { rows, values: null, rowsScored: scored, plan: ways[way] ?? question.way };
  }

  #placesFor(bytes: number): Scratch {
    if (this.#places !== null && this.#places.bytes >= bytes) return this.#places;
    if (this.#places !== null) this.#graph.memory.releaseScratch(this.#places);
    this.#places = null;
    return (this.#places = this.#graph.memory.acquireScratch(bytes));
  }

  #dropWalker(): void {
    if (this.#walker === null) return;
    this.#graph.takeBack(this.#walker);
    this.#graph.releaseWalker(this.#walker);
    this.#walker = null;
    this.#asked = null;
  }
}
