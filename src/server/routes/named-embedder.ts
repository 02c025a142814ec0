/**
 * How is a collection told of an embedder that runs with the client?
 *
 * The embedded client remembers the name of the embedder that it is given. Here it is given one with the client's name,
 * which hands out the vectors that the client sent.
 */
import { type Static, Type } from "typebox";
import type { AddOptions } from "../../client/collection.js";
import type { Embedder } from "../../embed/embedder.js";
import { LynseError } from "../../errors.js";
import type { CountedMatrix } from "./read-vectors.js";

/** An embedder in a body. */
export const embedderBody = Type.Object(
  { name: Type.String({ minLength: 1 }), dim: Type.Integer({ minimum: 1 }) },
  { description: "Embedder that the client makes vectors with; its name is kept with the collection." },
);

type EmbedderBody = Static<typeof embedderBody>;

/** An embedder that is only known by name: it makes no vectors. */
export function namedEmbedder({ name, dim }: EmbedderBody): Embedder {
  const embed = (): never => {
    throw new LynseError("UNSUPPORTED", `the embedder ${JSON.stringify(name)} runs with the client; send vectors`);
  };
  return Object.assign(embed, { embedderName: name, dim });
}

/** Rows whose vectors were made, by the client's embedder, of the texts in the metadata field `document`. */
export function embeddedRows(
  { name, dim }: EmbedderBody,
  { matrix, count, dim: given }: CountedMatrix,
  fields: readonly (object | null)[] | undefined,
): Pick<AddOptions, "documents" | "embed"> {
  const documents = fields?.map((field) => (field as { readonly document?: unknown } | null)?.document) ?? [];
  const isWhole = documents.length === count && documents.every((text) => typeof text === "string");
  if (!isWhole || given !== dim) {
    throw new LynseError(
      "INVALID_ARGUMENT",
      `rows of an embedder need vectors of its ${dim} components and a text in the metadata field document each`,
      { member: "embedder" },
    );
  }
  const data = "data" in matrix ? matrix.data : Float32Array.from((matrix as readonly number[][]).flat());
  const vectors = Array.from({ length: count }, (_, row) => data.subarray(row * dim, (row + 1) * dim));
  const embed: Embedder = Object.assign(() => vectors, { embedderName: name, dim, batchSize: count });
  return { documents: documents as string[], embed };
}
