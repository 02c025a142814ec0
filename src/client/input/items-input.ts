/**
 * Which rows does a caller give to be written?
 *
 * Reads items, one by one or from any source of them, and metadata by row, before anything is staged.
 */
import { checkId } from "../../engine/id-input.js";
import { describe, isVectorLike } from "../../engine/vector-input.js";
import { LynseError } from "../../errors.js";
import { throwIfAborted } from "../../query/exact-search.js";
import type { Fields, Id } from "../../types.js";
import { checkOptions } from "../check-options.js";

/** Items between two looks at the clock and the signal. */
const chunkItems = 64;

/** The items of an iterable in arrays: a promise an item would cost more than staging it. */
export async function* inChunks<T>(
  items: Iterable<T> | AsyncIterable<T>,
  call: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly T[]> {
  const isObject = typeof items === "object" && items !== null;
  if (isObject && Symbol.asyncIterator in items) {
    for await (const item of untilAborted(items, signal)) yield [item];
  } else if (isObject && Symbol.iterator in items) {
    let chunk: T[] = [];
    for (const item of items) {
      chunk.push(item);
      if (chunk.length < chunkItems) continue;
      yield chunk;
      chunk = [];
    }
    yield chunk;
  } else {
    throw new LynseError("INVALID_ARGUMENT", `${call} takes an iterable of items, got ${describe(items)}`);
  }
}

/** The items of a source that may never give its next one: the signal ends the wait. */
async function* untilAborted<T>(items: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncGenerator<T> {
  if (signal === undefined) {
    yield* items;
    return;
  }
  const iterator = items[Symbol.asyncIterator]();
  let abort = (): void => {};
  const aborted = new Promise<"aborted">((resolve) => {
    abort = () => resolve("aborted");
  });
  signal.addEventListener("abort", abort);
  let isExhausted = false;
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted]);
      if (next === "aborted") throwIfAborted(signal);
      else if (next.done === true) {
        isExhausted = true;
        return;
      } else yield next.value;
    }
  } finally {
    signal.removeEventListener("abort", abort);
    // A source that is stuck would never answer: it is told to end, not waited for.
    const returned = isExhausted ? undefined : iterator.return?.();
    if (signal.aborted) returned?.catch(() => {});
    else await returned;
  }
}

/** The parts of an item; its vectors are checked later. */
export interface ItemParts {
  readonly vector: unknown;
  readonly id: Id;
  readonly field: Fields | undefined;
  readonly vectors?: unknown;
  readonly sparse?: unknown;
}

/** An item as it was given, its id checked. */
export function itemParts(item: unknown, position: number, call: string): ItemParts {
  if (Array.isArray(item) && (item.length === 2 || item.length === 3) && isVectorLike(item[0])) {
    return { vector: item[0], id: checkId(item[1]), field: item[2] };
  }
  if (typeof item === "object" && item !== null && !Array.isArray(item) && "vector" in item) {
    checkOptions(item, ["vector", "id", "field", "vectors", "sparse"], `item ${position} of ${call}`);
    const { vector, id, field, vectors, sparse } = item as Record<string, unknown>;
    return { vector, id: checkId(id), field: field as Fields | undefined, vectors, sparse };
  }
  throw new LynseError(
    "INVALID_ARGUMENT",
    `item ${position} of ${call} must be [vector, id, field?] or { vector, id, field? }, got ${describe(item)}`,
    { position },
  );
}

/** Metadata by row from the `fields` option: a list, or a single object for a single row. */
export function fieldsReader(fields: unknown, count: number): (row: number) => Fields | null | undefined {
  if (fields === undefined) return () => undefined;
  if (Array.isArray(fields)) {
    if (fields.length !== count) {
      throw new LynseError(
        "INVALID_ARGUMENT",
        `${fields.length} fields were given for ${count} vectors; give one each`,
      );
    }
    return (row) => fields[row];
  }
  if (count !== 1) {
    throw new LynseError("INVALID_ARGUMENT", `fields must be an array of ${count} objects, got ${describe(fields)}`);
  }
  return () => fields as Fields;
}
