/**
 * `lynse index`: build, show or remove the index of a collection.
 */
import type { Command } from "commander";
import type { Collection } from "../../index.js";
import { ProgressLine } from "../print/progress-line.js";
import { formatDuration } from "../print/quantity.js";
import type { Terminal } from "../terminal.js";
import { addCommonOptions, type CommonOptions } from "./common-options.js";
import { useCollection } from "./open-client.js";

interface IndexFlags extends CommonOptions {
  readonly collection: string;
}

const examples = `
Later searches use the metric of the index: IP (inner product), L2 (squared distance) or COS (cosine).

Examples:
  lynse index FLAT-COS --collection docs
  lynse index --collection docs
  lynse index none --collection docs
`;

export function addIndexCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("index")
    .description("build the index of a collection; without a name, show it")
    .argument("[name]", 'name of the index, as FLAT-L2; "none" removes it')
    .requiredOption("--collection <name>", "collection to index")
    .addHelpText("after", examples);
  addCommonOptions(command).action(async (name: string | undefined, flags: IndexFlags) => {
    if (name === undefined) {
      await useCollection(flags, "read", async (collection) => {
        await terminal.print((await collection.indexMode()) ?? "none");
      });
    } else {
      await useCollection(flags, "write", (collection) => setIndex(collection, name, terminal));
    }
  });
}

async function setIndex(collection: Collection, name: string, terminal: Terminal): Promise<void> {
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
      onProgress: ({ done, total }) => progress.update(done, total === undefined ? null : done / Math.max(1, total)),
    });
  } finally {
    progress.end();
  }
  const duration = formatDuration(performance.now() - startedAt);
  await terminal.print(`${label} has the index ${await collection.indexMode()}, built in ${duration}`);
}
