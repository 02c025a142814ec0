/**
 * Do ids fit into a binary answer?
 *
 * Its layout has room for integers only. Where one is a text, clients ask again in JSON.
 */
import { LynseError } from "../../errors.js";
import type { Id } from "../../types.js";

/** Throws `STRING_IDS` when one of the ids is no integer. */
export function checkIntegerIds(ids: readonly Id[], jsonPath: string): void {
  const text = ids.find((id) => typeof id !== "number");
  if (text === undefined) return;
  const message = `string_ids: the collection has string ids, which the binary layout cannot hold; use ${jsonPath}`;
  throw new LynseError("STRING_IDS", message, { id: text });
}
