/**
 * `lynse text`: how are the texts of a collection searched?
 */
import { type Command, InvalidArgumentError } from "commander";
import type { TextIndexOptions } from "../../index.js";
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
}

/** A query that no list of stop words leaves empty. */
const anyWord = "0";

const examples = `
What is not named has its default: every string of every field, no stemmer, every word counts.
The index is made at once and stored, so that later commands need not make it.

Examples:
  lynse text --collection docs --fields title,body --fold-accents
  lynse text --collection docs --language english --stop-words
`;

export function addTextCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("text")
    .description("set how the texts of a collection are searched, and index them")
    .requiredOption("--collection <name>", "collection to set it for")
    .option("--fields <names>", "fields whose texts are indexed, separated by commas (default: all)", nameList)
    .option("--language <name>", "reduce words to their stems in this language, as english")
    .option("--stop-words [list]", "leave words out: the language's list, or these, separated by commas", nameList)
    .option("--fold-accents", "letters lose their accents: café is cafe")
    .option("--k1 <number>", "saturation of a word's frequency, from 0 (default: 1.2)", numberFrom0)
    .option("--b <number>", "weight of a text's length, 0 to 1 (default: 0.75)", numberFrom0)
    .addHelpText("after", examples);
  addCommonOptions(command).action(async (flags: TextFlags) => {
    await useCollection(flags, "write", async (collection) => {
      const startedAt = performance.now();
      await collection.configureText(textOptions(flags));
      // The first search makes the index, a checkpoint stores it.
      await collection.bm25Search(anyWord, { k: 1 });
      await collection.checkpoint();
      const { textRows } = await collection.stats();
      const took = formatDuration(performance.now() - startedAt);
      const name = `${collection.databaseName}/${collection.name}`;
      await terminal.print(`the texts of ${countOf(textRows ?? 0, "row")} of ${name} are indexed, in ${took}`);
    });
  });
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
