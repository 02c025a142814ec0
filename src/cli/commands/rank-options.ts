/**
 * Which options group and count what a command found?
 */
import { type Command, InvalidArgumentError } from "commander";
import { wholeNumber } from "./common-options.js";

export interface RankFlags {
  readonly groupBy?: string;
  readonly groupSize?: number;
  /** Values wanted by field. */
  readonly facet?: Readonly<Record<string, number>>;
}

const groupSizeMax = 10_000;
const facetValuesDefault = 10;
const facetValuesMax = 100_000;

export function addRankOptions(command: Command): Command {
  return command
    .option("--group-by <field>", "the best rows of each value of this field")
    .option("--group-size <n>", "rows of a group (default: 1)", wholeNumber(1, groupSizeMax))
    .option("--facet <fields>", "count the values of fields among all rows that match, as lang,tags=5", facetFields);
}

/** Names separated by commas, each with the number of values wanted if that is not ten. */
function facetFields(text: string): Readonly<Record<string, number>> {
  const facets = new Map<string, number>();
  for (const part of text.split(",").map((piece) => piece.trim())) {
    if (part === "") continue;
    const [, name = part, limit] = /^(.+)=(\d+)$/.exec(part) ?? [];
    const values = limit === undefined ? facetValuesDefault : Number(limit);
    if (values < 1 || values > facetValuesMax) {
      throw new InvalidArgumentError(`The number of values of ${name} must be from 1 to ${facetValuesMax}.`);
    }
    facets.set(name, values);
  }
  if (facets.size === 0) throw new InvalidArgumentError("Fields separated by commas are wanted, as lang,tags=5.");
  return Object.fromEntries(facets);
}

/** What is wrong with options that go together, of a search or query; null where nothing is. */
export function rankMistake(flags: RankFlags & { readonly where?: string; readonly params?: unknown }): string | null {
  if (flags.params !== undefined && flags.where === undefined) return "--params belongs to --where";
  if (flags.groupSize !== undefined && flags.groupBy === undefined) return "--group-size belongs to --group-by";
  return null;
}

/** The options of a search or query that the flags stand for. */
export function rankOptions(flags: RankFlags): {
  readonly groupBy?: string;
  readonly groupSize?: number;
  readonly facets?: Readonly<Record<string, number>>;
} {
  return {
    ...(flags.groupBy === undefined ? {} : { groupBy: flags.groupBy }),
    ...(flags.groupSize === undefined ? {} : { groupSize: flags.groupSize }),
    ...(flags.facet === undefined ? {} : { facets: flags.facet }),
  };
}
