/**
 * How are several operations awaited when none may outlive the call?
 *
 * Unlike `Promise.all`, which leaves the others running when one fails: a file must not be cut while a write to it is
 * still under way.
 */

/** Resolves when all have succeeded; when some failed, rejects with the first failure after all have ended. */
export async function settleAll(operations: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(operations)) {
    if (result.status === "rejected") throw result.reason;
  }
}
