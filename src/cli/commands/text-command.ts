/**
 * `lynse text`: how are the texts of a collection searched?
 */
import { type Command, InvalidArgumentError } from "commander";
import type { Collection, TextIndexOptions } from "../../index.js";
import { labelledLines } from "../print/labelled-lines.js";
import { countOf, formatDuration } from "../print/quantity.js";
import type { Terminal } from "../terminal.js";
import { addCommonOptions, type CommonOptions, nameList } from "./common-options.js";
import { useCollection } from "./open-client.js";

interface TextFlags extends CommonOptions {
  readonly collection: string;
  readonly fields?: readonly string[];
  readonly language?: string;
  readonly stopWords?: true | readonly string[];
  readonly foldAccents?: boolean;
  readonly k1?: number;
  readonly b?: number;
  readonly reset?: boolean;
  readonly json?: boolean;
}

/** A query that no list of stop words leaves empty. */
const anyWord = "0";

const examples = `
Without options, how it is set now. With some, what is not named gets its default: every string of every
field, no stemmer, every word counts. The index is made at once and stored, so that later commands need
not make it.

Examples:
  lynse text --collection docs
  lynse text --collection docs --fields title,body --fold-accents
  lynse text --collection docs --language english --stop-words
`;

export function addTextCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("text")
    .description("set how the texts of a collection are searched, and index them; without options, show it")
    .requiredOption("--collection <name>", "collection to set it for")
    .option("--fields <names>", "fields whose texts are indexed, separated by commas (default: all)", nameList)
    .option("--language <name>", "reduce words to their stems in this language, as english")
    .option("--stop-words [list]", "leave words out: the language's list, or these, separated by commas", nameList)
    .option("--fold-accents", "letters lose their accents: café is cafe")
    .option("--k1 <number>", "saturation of a word's frequency, from 0 (default: 1.2)", numberFrom0)
    .option("--b <number>", "weight of a text's length, 0 to 1 (default: 0.75)", numberFrom0)
    .option("--reset", "every option gets its default")
    .option("--json", "show it as a JSON object")
    .addHelpText("after", examples);
  addCommonOptions(command).action(async (flags: TextFlags) => {
    const options = textOptions(flags);
    const isNamed = Object.keys(options).length > 0;
    if (isNamed && flags.reset === true) command.error("error: --reset does not go with other options of the text");
    const isChange = isNamed || flags.reset === true;
    if (isChange && flags.json === true) command.error("error: --json belongs to a call that changes nothing");
    await useCollection(flags, isChange ? "write" : "read", (collection) =>
      isChange ? configure(collection, options, terminal) : show(collection, flags.json === true, terminal),
    );
  });
}

async function configure(collection: Collection, options: TextIndexOptions, terminal: Terminal): Promise<void> {
  const startedAt = performance.now();
  await collection.configureText(options);
  // The first search makes the index, a checkpoint stores it.
  await collection.bm25Search(anyWord, { k: 1 });
  await collection.checkpoint();
  const { textRows } = await collection.stats();
  const took = formatDuration(performance.now() - startedAt);
  const name = `${collection.databaseName}/${collection.name}`;
  await terminal.print(`the texts of ${countOf(textRows ?? 0, "row")} of ${name} are indexed, in ${took}`);
}

async function show(collection: Collection, isJson: boolean, terminal: Terminal): Promise<void> {
  const options = await collection.textOptions();
  if (isJson) {
    await terminal.print(JSON.stringify(options));
    return;
  }
  const { fields, language, stopWords, foldAccents, k1, b } = options;
  const { textRows } = await collection.stats();
  const lines: [label: string, text: string][] = [
    ["fields", fields === null ? "all" : fields.join(", ")],
    ["language", language ?? "none: words stay as they are"],
    ["stop words", stopWordsText(stopWords)],
    ["accents", foldAccents ? "folded: café is cafe" : "kept"],
    ["k1, b", `${k1}, ${b}`],
    ["indexed", textRows === null ? "not yet: the first search makes the index" : countOf(textRows, "row")],
  ];
  for (const line of labelledLines(lines, terminal.tableWidth)) await terminal.print(line);
}

function stopWordsText(stopWords: boolean | readonly string[]): string {
  if (typeof stopWords === "boolean") return stopWords ? "the language's list" : "none: every word counts";
  return stopWords.join(", ");
}

/** The language's name is checked by the library, which names those that there are. */
function textOptions(flags: TextFlags): TextIndexOptions {
  return {
    ...(flags.fields === undefined ? {} : { fields: flags.fields }),
    ...(flags.language === undefined ? {} : { language: flags.language as NonNullable<TextIndexOptions["language"]> }),
    ...(flags.stopWords === undefined ? {} : { stopWords: flags.stopWords }),
    ...(flags.foldAccents === undefined ? {} : { foldAccents: flags.foldAccents }),
    ...(flags.k1 === undefined ? {} : { k1: flags.k1 }),
    ...(flags.b === undefined ? {} : { b: flags.b }),
  };
}

function numberFrom0(text: string): number {
  const value = Number(text);
  if (/^\d*\.?\d+$/.test(text) && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("A number from 0 on is wanted.");
}
