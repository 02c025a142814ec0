/**
 * What does a binary read answer when rows have string ids?
 *
 * Its layout has room for integers only. Status 409 and a text that begins with `string_ids`; clients ask again in
 * JSON.
 */
import { LynseError } from "../../errors.js";
import type { Id } from "../../types.js";

class StringIdsError extends LynseError {
  override readonly status: number = 409;
}

/** Throws when one of the ids is no integer. */
export function checkIntegerIds(ids: readonly Id[], jsonPath: string): void {
  const text = ids.find((id) => typeof id !== "number");
  if (text === undefined) return;
  const message = `string_ids: the collection has string ids, which the binary layout cannot hold; use ${jsonPath}`;
  throw new StringIdsError("UNSUPPORTED", message, { reason: "string_ids", id: text });
}
