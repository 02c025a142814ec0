/**
 * How are requests made while others are under way?
 *
 * Lists that are made as they are read: read one ahead, looked into, or read to their end.
 */

/** The same, each made while its taker is busy with the one before. */
export async function* oneAhead<T>(source: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T, undefined> {
  if (!(Symbol.asyncIterator in source)) {
    yield* source;
    return;
  }
  const iterator = source[Symbol.asyncIterator]();
  let next = iterator.next();
  try {
    for (;;) {
      const { done, value } = await next;
      if (done === true) return;
      next = iterator.next();
      // Looked at in the next turn, unless the taker leaves before.
      next.catch(() => {});
      yield value;
    }
  } finally {
    // Nothing goes on behind a taker that has left.
    await next.catch(() => {});
    await iterator.return?.();
  }
}

/** All members. */
export async function collected<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of source) all.push(one);
  return all;
}

/** The first members of a list, at most `count`, and the whole of it. */
export async function beginningOf<T>(
  source: AsyncIterable<T> | Iterable<T>,
  count: number,
): Promise<{ readonly first: readonly T[]; readonly all: AsyncIterable<T> }> {
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const first: T[] = [];
  while (first.length < count) {
    const next = await iterator.next();
    if (next.done === true) break;
    first.push(next.value);
  }
  async function* all(): AsyncGenerator<T> {
    yield* first;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  }
  return { first, all: all() };
}
