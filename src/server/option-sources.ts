/**
 * Where does the value of an option come from?
 *
 * A flag, else the environment, else the config file, else the default. The config file is JSON, or INI where its name
 * ends with `.ini` or `.cfg`; options stand at its top or under `server`. A name that no option has is refused.
 */
import { readFileSync } from "node:fs";
import { extname } from "node:path";
import { LynseError } from "../errors.js";
import { optionTable, type ServerOptionEntry } from "./option-table.js";
import { type GivenValue, type ServerSettings, settingsOf } from "./server-options.js";

export interface OptionSources {
  /** Values of flags, by the option's name. */
  readonly flags: ReadonlyMap<string, unknown>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Path of the config file; null for none. */
  readonly configPath: string | null;
}

export function settingsOfSources({ flags, env, configPath }: OptionSources): ServerSettings {
  const config = configPath === null ? new Map<string, unknown>() : readConfig(configPath);
  const given = new Map<string, GivenValue>();
  for (const entry of optionTable as readonly ServerOptionEntry[]) {
    const { name } = entry;
    const variable = (entry.env ?? [`LYNSE_${name.toUpperCase()}`]).find((key) => (env[key] ?? "") !== "");
    if (flags.has(name)) given.set(name, { value: flags.get(name), source: "command line" });
    else if (variable !== undefined) given.set(name, { value: env[variable], source: `environment ${variable}` });
    else if (config.has(name)) given.set(name, { value: config.get(name), source: `config file ${configPath}` });
  }
  return settingsOf(given);
}

function readConfig(path: string): Map<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw misread(path, error instanceof Error ? error.message : String(error));
  }
  const isIni = /^\.(?:ini|cfg)$/i.test(extname(path)) || (extname(path) !== ".json" && !/^\s*\{/.test(text));
  const values = isIni ? iniValues(text, path) : jsonValues(text, path);
  const known = new Set<string>(optionTable.map(({ name }) => name));
  for (const name of values.keys()) {
    if (!known.has(name)) throw misread(path, `there is no option "${name}"`);
  }
  return values;
}

function jsonValues(text: string, path: string): Map<string, unknown> {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw misread(path, error instanceof Error ? error.message : String(error));
  }
  if (!isRecord(content)) throw misread(path, "it must hold a JSON object");
  const { server, ...top } = content;
  if (server !== undefined && !isRecord(server)) throw misread(path, `"server" must be an object`);
  const values = new Map<string, unknown>();
  for (const [name, value] of Object.entries({ ...top, ...server })) {
    if (value !== null) values.set(plainName(name), value);
  }
  return values;
}

/** Lines `name = value`, at the top or in the section `[server]`; `#` and `;` begin comments, other sections don't count. */
function iniValues(text: string, path: string): Map<string, unknown> {
  const values = new Map<string, unknown>();
  let isOurs = true;
  for (const [at, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === "" || /^[#;]/.test(line)) continue;
    const section = /^\[([^\]]+)\]$/.exec(line)?.[1];
    if (section !== undefined) {
      isOurs = section.trim().toLowerCase() === "server";
      continue;
    }
    if (!isOurs) continue;
    const equals = line.indexOf("=");
    if (equals < 1) throw misread(path, `line ${at + 1} is not of the form name = value`);
    const value = line.slice(equals + 1).trim();
    values.set(plainName(line.slice(0, equals).trim()), /^"(.*)"$/.exec(value)?.[1] ?? value);
  }
  return values;
}

function plainName(name: string): string {
  return name.replaceAll("-", "_");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function misread(path: string, reason: string): LynseError {
  return new LynseError("INVALID_ARGUMENT", `the config file ${path} (--config) cannot be used: ${reason}`, { path });
}
