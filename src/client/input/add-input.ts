/**
 * What does a call of `add` bring?
 *
 * Vectors, or documents that vectors are made of: tells the two apart, and gives the rows of documents with their metadata,
 * checked before anything is embedded or staged.
 */
import { checkIds } from "../../engine/id-input.js";
import { LynseError } from "../../errors.js";
import type { Fields } from "../../types.js";
import { checkFunction, checkOptions, checkSignal } from "../check-options.js";
import type { AddOptions } from "../collection.js";
import { documentTexts } from "./attached-input.js";
import { fieldsReader } from "./items-input.js";

const optionNames = ["ids", "vectors", "documents", "embed", "fields", "onProgress", "signal"];
/** What only embedding takes. */
const embeddingNames = ["embed", "onProgress", "signal"] as const;

/** True where documents are added; refuses options that do not go together. */
export function bringsDocuments<F extends Fields>(options: AddOptions<F>): boolean {
  checkOptions(options ?? null, optionNames, "add");
  if (options.documents !== undefined) return true;
  const extra = embeddingNames.find((name) => options[name] !== undefined);
  if (extra === undefined) return false;
  throw new LynseError("INVALID_ARGUMENT", `${extra} was given without documents`, { option: extra });
}

/** Rows of documents. */
export interface DocumentRows<F extends Fields> {
  readonly texts: readonly string[];
  /** Metadata with the text in `document`, a row each. */
  readonly fields: readonly F[];
  /** How the texts are embedded. */
  readonly asked: Pick<AddOptions, "embed" | "onProgress" | "signal">;
}

export function documentRows<F extends Fields>(options: AddOptions<F>): DocumentRows<F> {
  const texts = documentTexts(options.documents);
  const embed = checkFunction(options.embed, "embed");
  const onProgress = checkFunction(options.onProgress, "onProgress");
  const signal = checkSignal(options.signal);
  const ids = options.ids === undefined ? null : checkIds(options.ids);
  if (ids !== null && ids.length !== texts.length) {
    throw new LynseError(
      "INVALID_ARGUMENT",
      `${ids.length} ids were given for ${texts.length} documents; give one each`,
    );
  }
  const fieldOf = fieldsReader(options.fields, texts.length);
  const fields = texts.map((document, row) => ({ ...fieldOf(row), document })) as unknown as F[];
  const asked = {
    ...(embed === undefined ? {} : { embed }),
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
  };
  return { texts, fields, asked };
}
