/**
 * What does the server's account of a collection say, in the names of the API?
 */
import type { CollectionStats, IndexState, SearchPlan, TextIndexOptions, VectorFieldInfo } from "../collection.js";

type Answer = Readonly<Record<string, unknown>>;

export function vectorFieldInfo({ name, dim, metric, dtype, index, rows, index_state }: Answer): VectorFieldInfo {
  return { name, dim, metric, dtype, index, rows, indexState: indexState(index_state as Answer) } as VectorFieldInfo;
}

/** Names of parameters are the API's on both sides. */
function indexState({ parameters, ...state }: Answer): IndexState {
  return { ...inCamelCase(state), parameters } as unknown as IndexState;
}

export function statsAnswer(full: Answer): CollectionStats {
  const { index_state, vector_fields, disk, memory, embedder, ...rest } = full;
  return {
    ...inCamelCase(rest),
    indexState: indexState(index_state as Answer),
    vectorFields: (vector_fields as Answer[]).map(vectorFieldInfo),
    embedder,
    disk: inCamelCase(disk as Answer),
    memory: inCamelCase(memory as Answer),
  } as unknown as CollectionStats;
}

export function planAnswer(plan: Answer): SearchPlan {
  return inCamelCase(plan) as unknown as SearchPlan;
}

export function textAnswer(text: Answer): Required<TextIndexOptions> {
  return inCamelCase(text) as unknown as Required<TextIndexOptions>;
}

/** Options of the text index, in the server's names. */
export function textMembers(options: TextIndexOptions): Answer {
  return inSnakeCase(options as Answer);
}

/** The members of an object under the names of the API. */
function inCamelCase(object: Answer): Answer {
  const rename = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [rename(name), value]));
}

/** The members of an object under the names of the protocol. */
export function inSnakeCase(object: Answer): Answer {
  const rename = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [rename(name), value]));
}
