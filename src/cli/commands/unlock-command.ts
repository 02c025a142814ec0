/**
 * `lynse unlock`: take the writer lock away from a holder that is gone.
 */
import type { Command } from "commander";
import { lockHolder, unlock } from "../../client/local/local-inspect.js";
import type { Terminal } from "../terminal.js";
import { dataFolder } from "./inspect-target.js";

interface UnlockFlags {
  readonly data?: string;
  readonly dataDir?: string;
}

const examples = `
Seldom needed: a process of this machine that is gone is known to be, and one of another machine
counts as gone after a minute of silence. Where clocks differ by more, or the system says nothing of
its processes, this watches the lock for 35 seconds, and frees it where no sign of life comes. A
holder that wakes up later finds that it has lost the lock, and writes nothing more. Do not remove
lock files by hand: then it would not find out.

Example:
  lynse unlock --data /var/lib/lynse
`;

export function addUnlockCommand(program: Command, terminal: Terminal): void {
  program
    .command("unlock")
    .description("free a data directory whose writer is gone, but not known to be")
    .option("--data <dir>", "data directory (default: $LYNSE_DATA_DIR, else ~/.lynsedb)")
    .option("--data-dir <dir>", "the same as --data")
    .option("--debug", "show the stack of an error")
    .addHelpText("after", examples)
    .action(async ({ data, dataDir }: UnlockFlags) => {
      const folder = dataFolder(data ?? dataDir, process.env);
      const before = await lockHolder(folder);
      const isFreed = await unlock(folder);
      const who = before?.pid == null ? "whoever took it" : `process ${before.pid} on ${before.host}`;
      await terminal.print(isFreed ? `the lock is free; it was held by ${who}` : "nobody holds the lock");
    });
}
