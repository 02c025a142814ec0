/**
 * How is a server run from the command line?
 *
 * `lynse serve`: flags are made from the server's table of options. Runs until it is told to stop by a signal, then lets
 * requests finish and closes the data; a second signal ends the process at once. The server's packages are loaded only here.
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { LynseServer } from "../../server/lynse-server.js";
import { optionTable, type ServerOptionEntry } from "../../server/option-table.js";
import type { Terminal } from "../terminal.js";

const examples = `
Examples:
  lynse serve --data-dir ./data
  lynse serve --host 0.0.0.0 --api-keys-file keys.txt --tls-cert cert.pem --tls-key key.pem
  LYNSE_API_KEY=secret lynse serve --port 8000

Values come from flags, else from the environment (LYNSE_<NAME>, as LYNSE_PORT),
else from the config file, else from the defaults.
`;

/** Exit code of a process that was interrupted. */
const interruptedCode = 130;

export function addServeCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("serve")
    .alias("run")
    .description("serve a data directory over HTTP, with LynseDB's protocol")
    .addHelpText("after", examples)
    .option("--config <file>", "config file, JSON or INI, with these options as keys (data_dir, json_limit_mb, …)")
    .option("--debug", "show the stack of an error");
  for (const entry of optionTable) for (const option of flagsOf(entry)) command.addOption(option);
  command.action(async (values: Record<string, unknown>) => {
    const [{ createServerOf }, { settingsOfSources }] = await Promise.all([
      import("../../server/lynse-server.js"),
      import("../../server/option-sources.js"),
    ]);
    const config = values["config"];
    const settings = settingsOfSources({
      flags: givenFlags(command, values),
      env: process.env,
      configPath: typeof config === "string" ? config : null,
    });
    const server = await createServerOf(settings);
    await runUntilSignal(server, settings.data_dir, terminal);
  });
}

/** The flags of one option; they have no defaults, so that what was given can be told from what was not. */
function flagsOf(entry: ServerOptionEntry): Option[] {
  const flag = `--${entry.name.replaceAll("_", "-")}`;
  if (entry.kind === "boolean") {
    const yes = new Option(flag, `${entry.help} (default: ${entry.fallback})`);
    return entry.fallback ? [yes.hideHelp(), new Option(`--no-${flag.slice(2)}`, `don't ${entry.help}`)] : [yes];
  }
  const isDefaultKnown = entry.fallback !== null && entry.kind !== "list";
  const option = new Option(
    `${flag} <value>`,
    isDefaultKnown ? `${entry.help} (default: ${entry.fallback})` : entry.help,
  );
  if (entry.kind === "list") option.argParser(collected);
  const others = (entry.aliases ?? []).map((alias) => new Option(`--${alias} <value>`, `as ${flag}`).hideHelp());
  return [option, ...others];
}

/** Values of a flag that may be given again. */
function collected(text: string, before: string[] | undefined): string[] {
  if (text === "") throw new InvalidArgumentError("It must not be empty.");
  return [...(before ?? []), text];
}

function givenFlags(command: Command, values: Readonly<Record<string, unknown>>): Map<string, unknown> {
  const flags = new Map<string, unknown>();
  for (const entry of optionTable as readonly ServerOptionEntry[]) {
    for (const name of [...(entry.aliases ?? []), entry.name]) {
      const key = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      if (command.getOptionValueSource(key) === "cli") flags.set(entry.name, values[key]);
    }
  }
  return flags;
}

async function runUntilSignal(server: LynseServer, dataDir: string | null, terminal: Terminal): Promise<void> {
  const stopped = new Promise<void>((resolve, reject) => {
    let isStopping = false;
    const stop = (): void => {
      if (isStopping) process.exit(interruptedCode);
      isStopping = true;
      terminal.write("lynse: stopping; once more to stop at once\n");
      server.close().then(resolve, reject);
    };
    process.on("SIGINT", stop).on("SIGTERM", stop);
  });
  try {
    const url = await server.listen();
    const place = dataDir === null ? "" : ` with the data of ${dataDir}`;
    terminal.write(`lynse: listening on ${url.origin}${place}\n`);
  } catch (error) {
    await server.close();
    throw error;
  }
  await stopped;
}
