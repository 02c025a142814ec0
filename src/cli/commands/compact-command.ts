/**
 * `lynse compact`: give the space of deleted and replaced rows back.
 */
import type { Command } from "commander";
import { countOf, formatBytes, formatDuration } from "../print/quantity.js";
import type { Terminal } from "../terminal.js";
import { addCommonOptions, type CommonOptions } from "./common-options.js";
import { useCollection } from "./open-client.js";

const examples = `
Deleted rows cannot be restored afterwards.

Example:
  lynse compact --collection docs
`;

export function addCompactCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("compact")
    .description("rewrite a collection without its deleted and replaced rows")
    .requiredOption("--collection <name>", "collection to compact")
    .addHelpText("after", examples);
  addCommonOptions(command).action(async (flags: CommonOptions & { readonly collection: string }) => {
    await useCollection(flags, "write", async (collection) => {
      const before = await collection.stats();
      const startedAt = performance.now();
      const removed = await collection.compact();
      const duration = formatDuration(performance.now() - startedAt);
      const after = await collection.stats();
      await terminal.print(
        `${countOf(removed, "row")} removed in ${duration}; ${formatBytes(before.disk.totalBytes)} on disk before, ` +
          `${formatBytes(after.disk.totalBytes)} now`,
      );
    });
  });
}
