/**
 * What is a collection to be that is opened or created?
 */
import type { Embedder, EmbedFunction } from "../../embed/embedder.js";
import { checkTextSettings, storedTextSettings } from "../../engine/text-settings.js";
import { checkDim } from "../../engine/vector-input.js";
import { LynseError } from "../../errors.js";
import { parseIndexName } from "../../index/index-name.js";
import { checkLimit } from "../../limits.js";
import type { CollectionConfig } from "../../storage/manifest.js";
import { checkBoolean, checkFunction, checkOptions, checkText } from "../check-options.js";
import type { CollectionOptions } from "../database.js";
import { checkDtype } from "./vector-field-input.js";

const defaultIndexName = "FLAT-IP";

/** What `requireCollection` was asked for. */
export interface CollectionInput {
  readonly config: CollectionConfig;
  readonly dropIfExists: boolean;
  readonly embed: EmbedFunction | null;
}

/** The checked options of `requireCollection`. */
export function collectionInput(options: CollectionOptions): CollectionInput {
  const names = ["dim", "dtype", "description", "defaultIndex", "dropIfExists", "text", "embed"];
  checkOptions(options, names, "requireCollection");
  const { description, defaultIndex = defaultIndexName, text } = options;
  if (description !== undefined) {
    checkLimit("descriptionLengthMax", checkText(description, "description").length, "the length of the description");
  }
  const index = defaultIndex === null ? null : parseIndexName(defaultIndex).name;
  const embed = checkFunction(options.embed, "embed") ?? null;
  const dim = options.dim === undefined ? null : checkDim(options.dim);
  const embedder = embedderInput(embed, dim);
  const config: CollectionConfig = {
    dim: dim ?? embedder?.dim ?? null,
    dtype: checkDtype(options.dtype ?? "float32"),
    index,
    defaultIndex: index,
    description: description ?? null,
    createdAt: new Date().toISOString(),
    ...(text === undefined ? {} : { text: storedTextSettings(checkTextSettings(text)) }),
    ...(embedder === null ? {} : { embedder }),
  };
  const dropIfExists = checkBoolean(options.dropIfExists ?? false, "dropIfExists");
  return { config, dropIfExists, embed };
}

/** An embedder that says who it is and how long its vectors are; null for any other. */
function embedderInput(embed: Embedder | null, dim: number | null): { name: string; dim: number } | null {
  if (embed?.embedderName === undefined || embed.dim === undefined) return null;
  if (dim !== null && dim !== embed.dim) {
    throw new LynseError(
      "DIMENSION_MISMATCH",
      `dim ${dim} was asked for, but the embedder ${embed.embedderName} makes vectors of ${embed.dim} components; leave dim out`,
      { expected: embed.dim, got: dim },
    );
  }
  return { name: embed.embedderName, dim: embed.dim };
}
