/**
 * Which commands does `lynse` have?
 *
 * The thin layer on commander: names, options and help. What a command does stands in its own file.
 */
import { Command } from "commander";
import { addCompactCommand } from "./commands/compact-command.js";
import { addDeleteCommand } from "./commands/delete-command.js";
import { addDoctorCommand } from "./commands/doctor-command.js";
import { addExportCommand } from "./commands/export-command.js";
import { addGetCommand } from "./commands/get-command.js";
import { addImportCommand } from "./commands/import-command.js";
import { addIndexCommand } from "./commands/index-command.js";
import { addInfoCommand } from "./commands/info-command.js";
import { addQueryCommand } from "./commands/query-command.js";
import { addRepairCommand } from "./commands/repair-command.js";
import { addSearchCommand } from "./commands/search-command.js";
import { addServeCommand } from "./commands/serve-command.js";
import { addRestoreCommand, addSnapshotCommand } from "./commands/snapshot-command.js";
import { addTextCommand } from "./commands/text-command.js";
import { addTuneCommand } from "./commands/tune-command.js";
import { addUnlockCommand } from "./commands/unlock-command.js";
import { addVerifyCommand } from "./commands/verify-command.js";
import type { Terminal } from "./terminal.js";

const examples = `
Examples:
  lynse import docs.jsonl --collection docs --vectors docs.npy --index FLAT-COS
  lynse search --collection docs --vector '[0.1, 0.2, 0.3, 0.4]' -k 5
  lynse search --collection docs --text '"full text" search' --highlight
  lynse query --collection docs --where "lang = 'en'" --order-by rank:desc
  lynse info
  lynse search --uri http://127.0.0.1:7637 --collection docs --text search

"lynse help <command>" shows the options and examples of a command.
`;

export function createProgram(version: string, terminal: Terminal): Command {
  const program = new Command("lynse")
    .description("A vector database, embedded or served: import, search and look after collections of vectors.")
    .version(version, "-V, --version", "show the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .addHelpText("after", examples)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "lynse: ")) });
  program.configureHelp({ helpWidth: Math.min(100, terminal.tableWidth ?? 100), minWidthToWrap: 20 });
  addImportCommand(program, terminal);
  addExportCommand(program, terminal);
  addSearchCommand(program, terminal);
  addQueryCommand(program, terminal);
  addGetCommand(program, terminal);
  addInfoCommand(program, terminal);
  addDeleteCommand(program, terminal);
  addIndexCommand(program, terminal);
  addTextCommand(program, terminal);
  addTuneCommand(program, terminal);
  addCompactCommand(program, terminal);
  addSnapshotCommand(program, terminal);
  addRestoreCommand(program, terminal);
  addVerifyCommand(program, terminal);
  addRepairCommand(program, terminal);
  addDoctorCommand(program, terminal);
  addUnlockCommand(program, terminal);
  addServeCommand(program, terminal);
  for (const command of program.commands) {
    command.helpOption("-h, --help", "show this help");
    command.showHelpAfterError(`"lynse help ${command.name()}" shows the options and examples`);
  }
  return program;
}
