/**
 * Why does a filter match nothing?
 *
 * A name that no row has is no error, since any row may bring it; but it matches nothing and is most often a slip.
 * Printing part of the command line.
 */
import type { Collection, SearchPlan } from "../../index.js";
import type { WhereParams } from "../../types.js";
import type { Terminal } from "../terminal.js";

export function tellUnknownFields(terminal: Terminal, profile: SearchPlan): void {
  for (const { name, nearest } of profile.unknownFields) {
    const hint = nearest === null ? "" : `; the nearest name is "${nearest}"`;
    terminal.write(`no row has a field called "${name}"${hint}\n`);
  }
}

/** Tells that nothing matches, with the names in the filter that no row has: the account of a search knows them. */
export async function tellNoMatch(
  terminal: Terminal,
  collection: Collection,
  filter: { readonly where?: string; readonly params?: WhereParams },
): Promise<void> {
  terminal.write("no row matches\n");
  const [rows, dim] = await collection.shape();
  if (filter.where === undefined || rows === 0 || dim === 0) return;
  const { where, params } = filter;
  const options = { k: 1, where, ...(params === undefined ? {} : { params }) };
  const { profile } = await collection.searchProfile(new Float32Array(dim), options);
  tellUnknownFields(terminal, profile);
}
