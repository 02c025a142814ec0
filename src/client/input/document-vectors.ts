/**
 * How do documents become vectors?
 *
 * Asks the embedder of the call, or the one that the collection was opened with. A collection remembers the embedder that
 * made its first vectors, and refuses one of another name: vectors of two models cannot be compared.
 */
import { type EmbeddedMatrix, embedTexts } from "../../embed/embed-texts.js";
import type { Embedder, EmbedFunction } from "../../embed/embedder.js";
import { primaryFieldName } from "../../engine/field-definition.js";
import { LynseError } from "../../errors.js";
import type { AddOptions } from "../collection.js";
import type { DocumentQuery } from "../search-options.js";

/** What a collection says of the embedder that its vectors come from. */
export interface EmbedderRecord {
  readonly collection: string;
  /** Name of the embedder; undefined where none is known. */
  embedderName(): string | undefined;
  /** Components that vectors of a field must have; null while nothing has fixed them. */
  dimOf(fieldName: string): number | null;
  /** Keeps the embedder with the collection. */
  keep(embedder: { readonly name: string; readonly dim: number }): Promise<void>;
}

export class DocumentVectors {
  readonly #record: EmbedderRecord;
  /** The collection's own. */
  readonly #embed: EmbedFunction | null;

  constructor(record: EmbedderRecord, embed: EmbedFunction | null) {
    this.#record = record;
    this.#embed = embed;
  }

  /** Vectors of documents to be added. */
  async embedDocuments(
    documents: readonly string[],
    { embed, onProgress, signal }: Pick<AddOptions, "embed" | "onProgress" | "signal">,
  ): Promise<EmbeddedMatrix> {
    const used = this.#embedder(embed, primaryFieldName);
    const matrix = await embedTexts(used, documents, {
      purpose: "document",
      ...(onProgress === undefined ? {} : { onProgress }),
      ...(signal === undefined ? {} : { signal }),
      ...this.#expected(primaryFieldName),
    });
    this.#checkSame(used);
    return matrix;
  }

  /** Remembers the embedder of vectors that are about to be added. */
  async remember(embed: EmbedFunction | undefined, dim: number): Promise<void> {
    const { embedderName: name } = this.#embedder(embed, primaryFieldName);
    if (name !== undefined && this.#record.embedderName() === undefined) await this.#record.keep({ name, dim });
  }

  /** The vector of a text to be searched for. */
  async embedQuery(
    { document, embed }: DocumentQuery,
    fieldName: string,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const used = this.#embedder(embed, fieldName);
    const { data } = await embedTexts(used, [document], {
      purpose: "query",
      ...(signal === undefined ? {} : { signal }),
      ...this.#expected(fieldName),
    });
    return data;
  }

  #expected(fieldName: string): { readonly expectedDim?: number } {
    const dim = this.#record.dimOf(fieldName);
    return dim === null ? {} : { expectedDim: dim };
  }

  #embedder(given: EmbedFunction | undefined, fieldName: string): Embedder {
    const embed = given ?? this.#embed;
    if (embed === null) {
      throw new LynseError(
        "INVALID_ARGUMENT",
        "documents need an embedder: give embed with the call, or with requireCollection (hashEmbedder() works offline)",
        { option: "embed" },
      );
    }
    // Vectors of a named field may come from another model.
    if (fieldName === primaryFieldName) this.#checkSame(embed);
    return embed;
  }

  #checkSame(embed: Embedder): void {
    checkEmbedder(this.#record, embed);
  }
}

/** Refuses an embedder of another name than the one that a collection's vectors come from. */
export function checkEmbedder(
  record: Pick<EmbedderRecord, "collection" | "embedderName">,
  embed: Embedder | null,
): void {
  const name = embed?.embedderName;
  const known = record.embedderName();
  if (name === undefined || known === undefined || name === known) return;
  throw new LynseError(
    "INVALID_ARGUMENT",
    `collection ${JSON.stringify(record.collection)} holds vectors of the embedder ${JSON.stringify(known)}, ` +
      `got ${JSON.stringify(name)}; use the same one, or another collection`,
    { expected: known, got: name },
  );
}
