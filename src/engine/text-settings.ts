/**
 * How is a collection's text searched?
 *
 * The options that are kept with a collection, checked, with their defaults filled in.
 */
import { LynseError } from "../errors.js";
import { type CheckedAnalyserOptions, checkAnalyserOptions } from "../text/analysis/analyser-options.js";
import type { JsonValue } from "../types.js";
import { describe } from "./vector-input.js";

export interface TextSettings {
  readonly analyser: CheckedAnalyserOptions;
  /** Dotted names of the fields that are indexed; null: every string. */
  readonly fields: readonly string[] | null;
  /** Saturation of the term frequency, from 0. */
  readonly k1: number;
  /** Weight of a text's length, 0 to 1. */
  readonly b: number;
}

/** As Robertson & Zaragoza 2009 recommend, and what most engines use. */
const k1Default = 1.2;
const bDefault = 0.75;
const optionNames = ["fields", "k1", "b", "language", "stopWords", "foldAccents"];

type Stored = { readonly [name: string]: JsonValue };

const none: Stored = {};
const parsed = new WeakMap<Stored, TextSettings>();

/** The settings of a stored configuration; the same object for the same configuration. */
export function textSettings(stored: Stored | undefined): TextSettings {
  const key = stored ?? none;
  let settings = parsed.get(key);
  if (settings === undefined) {
    settings = checkTextSettings(key);
    parsed.set(key, settings);
  }
  return settings;
}

/** Options as a caller gives them, or as a manifest holds them. */
export function checkTextSettings(options: unknown): TextSettings {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new LynseError("INVALID_ARGUMENT", `the options of text search must be an object, got ${describe(options)}`);
  }
  const given = options as Record<string, unknown>;
  for (const name of Object.keys(given)) {
    if (optionNames.includes(name)) continue;
    const names = optionNames.join(", ");
    throw new LynseError("INVALID_ARGUMENT", `text search takes no option ${JSON.stringify(name)}; it takes ${names}`);
  }
  const { fields, k1, b, ...analysis } = given;
  return {
    analyser: checkAnalyserOptions(analysis),
    fields: fields === undefined || fields === null ? null : checkFieldNames(fields, "fields"),
    k1: checkBetween(k1 ?? k1Default, "k1", Number.MAX_VALUE),
    b: checkBetween(b ?? bDefault, "b", 1),
  };
}

/** The settings as a manifest holds them. */
export function storedTextSettings({ analyser, fields, k1, b }: TextSettings): Stored {
  return { ...(analyser as Stored), fields, k1, b };
}

/** A list of dotted field names; a single one may stand alone. */
export function checkFieldNames(fields: unknown, name: string): readonly string[] {
  const list = typeof fields === "string" ? [fields] : fields;
  const isList =
    Array.isArray(list) && list.length > 0 && list.every((item) => typeof item === "string" && item !== "");
  if (isList) return [...new Set(list as string[])];
  throw new LynseError("INVALID_ARGUMENT", `${name} must be a field name or a list of them, got ${describe(fields)}`);
}

/** A finite number from 0 to `max`. */
export function checkBetween(value: unknown, name: string, max: number): number {
  if (typeof value === "number" && Number.isFinite(value) && value >= 0 && value <= max) return value;
  const range = max === Number.MAX_VALUE ? "from 0 on" : `from 0 to ${max}`;
  throw new LynseError("INVALID_ARGUMENT", `${name} must be a number ${range}, got ${describe(value)}`);
}
