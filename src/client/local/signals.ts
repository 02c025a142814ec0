/**
 * What does each kind of search find?
 *
 * Vectors, texts, sparse vectors, and several of them together, over one filter. Each is made in the turn of the filter's
 * snapshot, and finds as many of its best rows as it is asked for.
 */
import type { Generation } from "../../engine/generation.js";
import type { ReadyText } from "../../engine/row-text.js";
import { LynseError } from "../../errors.js";
import { isHigherBetter } from "../../index/metric/metric-order.js";
import { fuse, type SignalList, type SignalName } from "../../query/fusion.js";
import type { FusionOptions } from "../../query/fusion-options.js";
import type { RerankQuery } from "../../query/rerank.js";
import type { RowFilter } from "../../query/row-filter.js";
import type { CheckedSparse } from "../../sparse/sparse-vector.js";
import type { TextSearch } from "../../text/index/text-index.js";
import { highlight } from "../../text/query/highlight.js";
import { parseTextQuery } from "../../text/query/parse-text-query.js";
import { PhraseFilter } from "../../text/query/phrase-filter.js";
import { RememberedTerms } from "../../text/query/remembered-terms.js";
import { stringsOf } from "../../text/query/strings-of.js";
import type { TextQuery } from "../../text/query/text-query.js";
import { TimeSlice } from "../../time-slice.js";
import type { JsonValue } from "../../types.js";
import type { TextInput, TextSearchInput, VectorInput } from "../input/read-options.js";
import type { RankedSearch, Ranking } from "./ranked-search.js";
import { VectorTarget } from "./vector-target.js";

/** A vector field searched with a vector. */
export function vectorSearch(
  generation: Generation,
  filter: RowFilter,
  vector: Float32Array,
  input: VectorInput & { readonly signal: AbortSignal | undefined },
  query: RerankQuery,
  target: VectorTarget = VectorTarget.of(generation, filter, input.vectorField),
): RankedSearch & { readonly target: VectorTarget } {
  const { vectorField, nprobe, exact, signal } = input;
  const { metric, label } = target.definition;
  return {
    target,
    metric,
    index: label,
    isHigherBetter: isHigherBetter(metric),
    query,
    vectorField,
    vector,
    rowCount: filter.rowCount,
    find: (k) => target.search({ query: vector, k, nprobe, exact, signal }),
    among: {
      filter,
      find: (rest, k) => target.among(rest).search({ query: vector, k, nprobe, exact, signal }),
    },
    matches: () => target.matches(),
  };
}

/**
 * Sparse vectors searched with one. The best `depth` rows are found at once: rows that a commit replaces later hand their
 * vectors on, out of this snapshot.
 */
export function sparseSearch(
  generation: Generation,
  filter: RowFilter,
  sparse: CheckedSparse,
  depth: number,
): RankedSearch {
  const { mask, rowCount } = filter;
  const search = (k: number, among = mask): Ranking => {
    const found = generation.sparse?.search({ sparse, k, mask: among, rowLimit: rowCount });
    return found === undefined ? noRows : { rows: found.rows, values: found.scores };
  };
  const first = search(depth);
  const cut = (k: number): Ranking => ({ rows: first.rows.subarray(0, k), values: first.values.subarray(0, k) });
  return {
    metric: "ip",
    index: "SPARSE-FLAT-IP",
    isHigherBetter: true,
    query: { type: "sparse_search", sparse },
    vectorField: "default",
    vector: null,
    rowCount,
    find: (k) => (k <= depth || first.rows.length < depth ? cut(k) : search(k)),
    among: { filter, find: (rest, k) => search(k, rest.mask) },
    matches: () => generation.sparse?.matches(sparse, mask, rowCount) ?? new Uint32Array(Math.ceil(rowCount / 32)),
  };
}

const noRows: Ranking = { rows: new Uint32Array(0), values: new Float64Array(0) };

/** What a text search is made of. */
export interface TextAsk {
  readonly text: string;
  readonly input: TextInput & Partial<Pick<TextSearchInput, "k1" | "b" | "highlight">>;
  readonly signal: AbortSignal | undefined;
}

/** Texts searched with words. `ready` covers the filter's rows. */
export function textSearch(generation: Generation, filter: RowFilter, ready: ReadyText, ask: TextAsk): RankedSearch {
  const { text, input } = ask;
  const { analyser, settings } = ready;
  const query = parseTextQuery(text, analyser, { operator: input.operator });
  checkCovered(input.textFields, settings.fields);
  const texts = new TextSignal(generation, filter, ready, query, ask);
  const marks = input.highlight ?? null;
  const search: RankedSearch = {
    metric: "bm25",
    index: "BM25-INVERTED",
    isHigherBetter: true,
    query: { type: "bm25_search", text },
    vectorField: "default",
    vector: null,
    rowCount: filter.rowCount,
    find: (k) => texts.find(k),
    among: { filter, find: (rest, k) => texts.find(k, rest.mask) },
    matches: () => texts.matches(),
  };
  if (marks === null) return search;
  const fields = searchedFields(input.textFields, settings.fields);
  const remembering = new RememberedTerms(analyser);
  return {
    ...search,
    highlight: (rows) =>
      rows.map((row) =>
        stringsOf(row as JsonValue, fields).flatMap(({ path, text: value }) =>
          highlight(value, query, remembering, marks).map((marked) => ({ field: path, text: marked })),
        ),
      ),
  };
}

/** A field that the text index leaves out cannot be searched. */
function checkCovered(asked: readonly string[] | null, indexed: readonly string[] | null): void {
  if (asked === null || indexed === null) return;
  for (const field of asked) {
    if (searchedFields([field], indexed)!.length > 0) continue;
    const names = indexed.map((name) => JSON.stringify(name)).join(", ");
    throw new LynseError(
      "INVALID_ARGUMENT",
      `field ${JSON.stringify(field)} is not in the text index, which has ${names}; add it with configureText`,
      { field, indexed },
    );
  }
}

/** Fields that are asked for and indexed; the narrower name where one is nested in the other. Null: all. */
function searchedFields(asked: readonly string[] | null, indexed: readonly string[] | null): readonly string[] | null {
  if (asked === null || indexed === null) return asked ?? indexed;
  const isIn = (field: string, name: string): boolean => field === name || field.startsWith(`${name}.`);
  return asked.flatMap((field) =>
    indexed.some((name) => isIn(field, name)) ? [field] : indexed.filter((name) => isIn(name, field)),
  );
}

/** Rows read between two looks at the clock. */
const checkedRows = 16;

/**
 * The rows that statistics are taken over: those live in the filter's snapshot. The index may have later ones already, also
 * some whose commit is under way. Null: all that it has.
 */
function liveRows(generation: Generation, { rowCount }: RowFilter, indexRows: number): Uint32Array | null {
  const live = generation.deadCount === 0 ? null : generation.liveSnapshot();
  if (indexRows === rowCount) return live;
  const mask = new Uint32Array(Math.ceil(indexRows / 32));
  const words = Math.ceil(rowCount / 32);
  if (live === null) mask.fill(0xffff_ffff, 0, words);
  else mask.set(live.subarray(0, words));
  if ((rowCount & 31) !== 0) mask[words - 1]! &= (1 << (rowCount & 31)) - 1;
  return mask;
}

class TextSignal {
  readonly #generation: Generation;
  readonly #ready: ReadyText;
  readonly #request: Omit<TextSearch, "k">;
  /** Null where the query has none. */
  readonly #phrases: PhraseFilter | null;
  readonly #signal: AbortSignal | undefined;
  /** Whether rows hold the phrases, as far as they were read. */
  #judged: Map<number, boolean> | null = null;

  constructor(generation: Generation, filter: RowFilter, ready: ReadyText, query: TextQuery, ask: TextAsk) {
    const { input, signal } = ask;
    const { settings, analyser } = ready;
    const { groups, required, excluded } = query;
    const fields = input.textFields;
    this.#generation = generation;
    this.#ready = ready;
    this.#signal = signal;
    this.#request = {
      groups,
      required,
      excluded,
      fields,
      mask: filter.mask,
      rowLimit: filter.rowCount,
      live: {
        mask: liveRows(generation, filter, ready.index.rowCount),
        count: filter.liveCount,
        version: generation.stateVersion,
      },
      k1: input.k1 ?? settings.k1,
      b: input.b ?? settings.b,
    };
    const hasPhrases = query.phrases.length + query.excludedPhrases.length > 0;
    this.#phrases = hasPhrases ? new PhraseFilter(query, searchedFields(fields, settings.fields), analyser) : null;
  }

  find(k: number, mask = this.#request.mask): Ranking | Promise<Ranking> {
    if (this.#phrases !== null) return this.#findPhrases(k, mask);
    const { rows, scores } = this.#ready.index.search(this.#ask(k, mask));
    return { rows, values: scores };
  }

  #ask(k: number, mask: Uint32Array | null): TextSearch {
    const { groups, required, excluded, fields, rowLimit, live, k1, b } = this.#request;
    return { groups, required, excluded, fields, mask, rowLimit, live, k, k1, b };
  }

  /** Rows with the words, best first, until enough of them hold the phrases. */
  async #findPhrases(k: number, mask: Uint32Array | null): Promise<Ranking> {
    const slice = new TimeSlice();
    for (let depth = k * 2; ; depth *= 4) {
      const { rows, scores } = this.#ready.index.search(this.#ask(depth, mask));
      const places: number[] = [];
      for (let place = 0; place < rows.length && places.length < k; place++) {
        if (this.#holdsPhrases(rows[place]!)) places.push(place);
        if (place % checkedRows === 0 && slice.isDue()) {
          this.#signal?.throwIfAborted();
          await slice.giveWay();
        }
      }
      if (places.length < k && rows.length === depth) continue;
      return {
        rows: Uint32Array.from(places, (place) => rows[place]!),
        values: Float64Array.from(places, (place) => scores[place]!),
      };
    }
  }

  #holdsPhrases(row: number): boolean {
    this.#judged ??= new Map();
    let holds = this.#judged.get(row);
    if (holds === undefined) {
      holds = this.#phrases === null || this.#phrases.accepts(this.#generation.fieldOf(row));
      this.#judged.set(row, holds);
    }
    return holds;
  }

  async matches(): Promise<Uint32Array> {
    const found = this.#ready.index.matches(this.#request);
    if (this.#phrases === null) return found;
    const bits = found.slice();
    const slice = new TimeSlice();
    for (let row = 0; row < this.#request.rowLimit; row++) {
      if ((bits[row >>> 5]! & (1 << (row & 31))) === 0) continue;
      if (!this.#holdsPhrases(row)) bits[row >>> 5]! &= ~(1 << (row & 31));
      if (row % checkedRows === 0 && slice.isDue()) await slice.giveWay();
    }
    return bits;
  }
}

/** Several searches fused. */
export function fusedSearch(
  searches: ReadonlyMap<SignalName, RankedSearch>,
  options: FusionOptions,
  query: RerankQuery,
): RankedSearch {
  const { fusion, rrfK, weights, candidateLimit } = options;
  const first = [...searches.values()][0]!;
  const vectors = searches.get("vector");
  const find = async (k: number): Promise<Ranking> => {
    const lists: SignalList[] = [];
    for (const [name, search] of searches) {
      const found = search.find(Math.max(candidateLimit, k));
      const { rows, values } = found instanceof Promise ? await found : found;
      lists.push({ name, weight: weights[name], isHigherBetter: search.isHigherBetter, rows, values });
    }
    const { rows, scores, parts } = fuse(lists, { fusion, rrfK, k });
    return { rows, values: scores, parts };
  };
  return {
    metric: "fusion",
    index: fusion === "rrf" ? "HYBRID-RRF" : "HYBRID-WEIGHTED",
    isHigherBetter: true,
    query,
    vectorField: vectors?.vectorField ?? "default",
    vector: vectors?.vector ?? null,
    rowCount: first.rowCount,
    find,
    matches: () => unionOf([...searches.values()], first.rowCount),
  };
}

/** Rows that one search or another could return. */
async function unionOf(searches: readonly RankedSearch[], rowCount: number): Promise<Uint32Array | null> {
  const union = new Uint32Array(Math.ceil(rowCount / 32));
  for (const search of searches) {
    const mask = await search.matches();
    if (mask === null) return null;
    for (let at = 0; at < union.length; at++) union[at]! |= mask[at]!;
  }
  return union;
}
