/**
 * `lynse search`: which rows are nearest to a vector, say the most about some words, or both?
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { limits } from "../../limits.js";
import type { WhereParams } from "../../types.js";
import { addEmbedOption, type EmbedChoice } from "../embed/embed-option.js";
import { runSearch } from "../search/run-search.js";
import { targetMistake } from "../search/search-target.js";
import type { Terminal } from "../terminal.js";
import { addCommonOptions, type CommonOptions, nameList, whereParams, wholeNumber } from "./common-options.js";
import { useCollection } from "./open-client.js";
import { addRankOptions, type RankFlags, rankMistake } from "./rank-options.js";

/** What `lynse search` was told. */
export interface SearchFlags extends CommonOptions, RankFlags {
  readonly collection: string;
  readonly vector?: string;
  readonly vectorFile?: string;
  readonly like?: string;
  readonly document?: string;
  readonly embed?: EmbedChoice;
  readonly text?: string;
  readonly sparse?: string;
  readonly hybrid?: boolean;
  readonly vectorField?: string;
  readonly textFields?: readonly string[];
  readonly operator?: "or" | "and";
  readonly highlight?: boolean;
  readonly fusion?: "rrf" | "weighted";
  readonly rrfK?: number;
  readonly weights?: Readonly<Partial<Record<SignalWeight, number>>>;
  readonly candidates?: number;
  readonly mmr?: number;
  readonly k: number;
  readonly where?: string;
  readonly params?: WhereParams;
  readonly fields?: readonly string[];
  readonly profile?: boolean;
  readonly json?: boolean;
}

const weightNames = ["vectorWeight", "textWeight", "sparseWeight"] as const;
type SignalWeight = (typeof weightNames)[number];

const examples = `
One of --vector, --vector-file, --like and --document is a search by vector, --text one by words (BM25),
--sparse one by sparse vector. Several of them together are a hybrid search: their lists are fused.

Examples:
  lynse search --collection docs --vector '[0.1, 0.2, 0.3, 0.4]'
  lynse search --collection docs --like 1001 -k 5 --fields title,lang
  lynse search --collection docs --vector-file query.npy --where "lang = 'en' AND rank > 3" --profile
  lynse search --collection docs --text '"full text" search -sql' --text-fields title,body --highlight
  lynse search --collection docs --hybrid --text 'vector search' --embed hash:256 --facet lang
  lynse search --collection docs --like 1001 --text index --weights text=2 --group-by lang --group-size 3
  lynse search --collection docs --sparse '{"3": 0.5, "77": 1.25}' --json
`;

export function addSearchCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("search")
    .description("find rows by vector, by words, or by both")
    .requiredOption("--collection <name>", "collection to search")
    .option("--vector <json>", "query vector, a JSON array of numbers")
    .option("--vector-file <file>", "query vector in a file: .npy, .f32, or a JSON array")
    .option("--like <id>", "query with the vector of this row; the row itself is left out")
    .option("--document <text>", "query with the vector of this text, see --embed");
  addEmbedOption(command, "makes the vector of a text (default: the collection's embedder)")
    .option("--text <words>", 'words to look for; "a phrase" in quotes, -word to exclude, word* for a beginning')
    .option("--text-fields <names>", "fields whose words count, separated by commas (default: all)", nameList)
    .addOption(new Option("--operator <name>", "rows with any word, or with all").choices(["or", "and"]))
    .option("--highlight", "show the texts where words were found, with [marks]")
    .option("--sparse <json>", "sparse query vector, a JSON object of index: weight")
    .option("--hybrid", "search by vector and by words; with --text alone, its words make the vector too")
    .addOption(
      new Option("--fusion <name>", "how the lists of a hybrid search are joined").choices(["rrf", "weighted"]),
    )
    .option("--rrf-k <n>", "constant of rrf (default: 60)", wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option("--weights <list>", "weights of a hybrid search, as vector=1,text=2 (default: 1 each)", signalWeights)
    .option("--candidates <n>", "rows of each list that are joined (default: 4 k)", wholeNumber(1, limits.kMax))
    .option("--vector-field <name>", "vector field to search (default: the primary one)")
    .option("-k <n>", "rows to find, or groups", wholeNumber(1, limits.kMax), 10)
    .option("--where <filter>", "only rows that match, as: lang = 'en' AND rank > 3")
    .option("--params <json>", "values of the filter's :name parameters", whereParams);
  addRankOptions(command)
    .option("--mmr <lambda>", "prefer rows unlike those before: 0 unlike, 1 relevant, as 0.5", lambda)
    .option("--fields <names>", "fields to show, separated by commas (default: all)", nameList)
    .option("--profile", "also tell how the search was done")
    .option("--json", "one JSON object a line instead of a table")
    .addHelpText("after", examples);
  addCommonOptions(command).action(async (flags: SearchFlags) => {
    const mistake = targetMistake(flags) ?? rankMistake(flags);
    if (mistake !== null) command.error(`error: ${mistake}`);
    await useCollection(flags, "read", (collection) => runSearch(collection, flags, terminal));
  });
}

function signalWeights(text: string): Partial<Record<SignalWeight, number>> {
  const weights: Partial<Record<SignalWeight, number>> = {};
  for (const part of text.split(",")) {
    const [, signal, weight] = /^(\w+)=(\d+(?:\.\d+)?|\.\d+)$/.exec(part.trim()) ?? [];
    const name = weightNames.find((known) => known === `${signal}Weight`);
    if (name === undefined) {
      throw new InvalidArgumentError(
        "A list as vector=1,text=2 is wanted; signals: vector, text, sparse; weights from 0.",
      );
    }
    weights[name] = Number(weight);
  }
  return weights;
}

function lambda(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError("A number from 0 (unlike each other) to 1 (relevant alone) is wanted.");
}
