/**
 * What do the query strings of the binary routes hold?
 *
 * The parts that several routes share.
 */
import { Type } from "typebox";

export const collectionQuery = {
  database_name: Type.String({ description: "Database." }),
  collection_name: Type.String({ description: "Collection." }),
};

export const vectorQuery = {
  ...collectionQuery,
  dim: Type.Integer({ minimum: 1, description: "Components of a vector." }),
  vector_encoding: Type.Optional(
    Type.String({
      description: "How components are written: `float32` (also `f32`; default) or `float16` (`f16`, `fp16`).",
    }),
  ),
};

export const sessionQuery = {
  session_id: Type.Optional(Type.String({ description: "Session to stage the rows in, instead of committing them." })),
};

export const searchQuery = {
  ...vectorQuery,
  k: Type.Optional(Type.Integer({ minimum: 1, default: 10, description: "Rows wanted." })),
  where: Type.Optional(Type.String({ description: "Filter." })),
  return_fields: Type.Optional(Type.Boolean({ default: false, description: "Also return metadata." })),
  nprobe: Type.Optional(
    Type.Integer({ minimum: 1, description: "Effort of an approximate index. Default: the index's." }),
  ),
  exact: Type.Optional(Type.Boolean({ default: false, description: "Search without an approximate index." })),
  approx: Type.Optional(Type.Boolean({ default: false, description: "Permits an approximate answer." })),
  eps: Type.Optional(Type.Number({ minimum: 0, default: 1e-4, description: "Tolerance of an approximate answer." })),
  vector_field: Type.Optional(Type.String({ description: "Vector field. Default: `default`." })),
};

/** The names of a request, as write answers repeat them. */
export const echo = { database_name: Type.String(), collection_name: Type.String() };
