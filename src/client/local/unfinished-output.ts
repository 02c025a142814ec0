/**
 * What is a file of this machine called while it is written?
 *
 * As folders of snapshots and exports are; what processes that were killed left of the same file is removed first.
 */
import { unfinishedPath } from "../../storage/unfinished-name.js";
import { removeDeadCopies } from "../../storage/write-beside.js";
import { pathInput } from "../input/copy-input.js";
import { filesOfMachine } from "./local-export.js";

/** A fresh path beside the file `path` is to be. */
export async function unfinishedOutput(path: string): Promise<string> {
  const fs = await filesOfMachine();
  const target = pathInput(path);
  await removeDeadCopies(fs, target);
  return unfinishedPath(fs, target);
}
