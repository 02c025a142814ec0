/**
 * `lynse index`: build, show or remove the index of a collection.
 */
import { type Command, InvalidArgumentError } from "commander";
import type { Collection } from "../../index.js";
import { ProgressLine } from "../print/progress-line.js";
import { formatDuration } from "../print/quantity.js";
import type { Terminal } from "../terminal.js";
import { addCommonOptions, type CommonOptions } from "./common-options.js";
import { useCollection } from "./open-client.js";

/** Build parameters by name, as `--param` gives them. */
type Parameters = Readonly<Record<string, number>>;

interface IndexFlags extends CommonOptions {
  readonly collection: string;
  readonly param: Parameters;
}

const examples = `
Later searches use the metric of the index, as IP (inner product), L2 (squared distance) or COS (cosine).
"lynse tune" measures which index suits a collection.

Examples:
  lynse index FLAT-COS --collection docs
  lynse index HNSW-COS --param m=24 --param efSearch=96 --collection docs
  lynse index --collection docs
  lynse index none --collection docs
`;

export function addIndexCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("index")
    .description("build the index of a collection; without a name, show it")
    .argument("[name]", 'name of the index, as HNSW-COS or FLAT-L2; "none" removes it')
    .requiredOption("--collection <name>", "collection to index")
    .option("--param <name=value>", "a build parameter, as efSearch=96; may be given several times", parameter, {})
    .addHelpText("after", examples);
  addCommonOptions(command).action(async (name: string | undefined, flags: IndexFlags) => {
    const hasParameters = Object.keys(flags.param).length > 0;
    if (hasParameters && (name === undefined || name.toLowerCase() === "none")) {
      command.error("error: --param belongs to the name of an index");
    }
    if (name === undefined) {
      await useCollection(flags, "read", async (collection) => {
        await terminal.print((await collection.indexMode()) ?? "none");
      });
    } else {
      await useCollection(flags, "write", (collection) => setIndex(collection, name, flags.param, terminal));
    }
  });
}

/** Adds a parameter to those that were given before it. Which names there are, the index itself knows. */
function parameter(text: string, before: Parameters): Parameters {
  const [, name = "", digits = ""] = /^([A-Za-z][A-Za-z0-9]*)=(.+)$/.exec(text) ?? [];
  const value = Number(digits);
  if (name === "" || digits.trim() === "" || !Number.isFinite(value)) {
    throw new InvalidArgumentError("A name and a number are wanted, as efSearch=96.");
  }
  if (["fieldName", "onProgress", "signal"].includes(name)) {
    throw new InvalidArgumentError(`${name} is no parameter of an index.`);
  }
  return { ...before, [name]: value };
}

async function setIndex(
  collection: Collection,
  name: string,
  parameters: Parameters,
  terminal: Terminal,
): Promise<void> {
  const label = `${collection.databaseName}/${collection.name}`;
  if (name.toLowerCase() === "none") {
    await collection.removeIndex();
    await terminal.print(`${label} has no index now: searches compare every row`);
    return;
  }
  const startedAt = performance.now();
  const progress = new ProgressLine(terminal);
  try {
    await collection.buildIndex(name, {
      ...parameters,
      onProgress: ({ done, total }) => progress.update(done, total === undefined ? null : done / Math.max(1, total)),
    });
  } finally {
    progress.end();
  }
  const duration = formatDuration(performance.now() - startedAt);
  await terminal.print(`${label} has the index ${await collection.indexMode()}, built in ${duration}`);
}
