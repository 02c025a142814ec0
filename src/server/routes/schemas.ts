/**
 * What do the bodies and answers of the JSON routes have in common?
 *
 * Members that stand in many schemas, in groups that are spread into bodies. Elements of lists that a client may make as
 * long as it likes are described (`x-items`, which the OpenAPI document shows as `items`) but not checked by the schema:
 * that would hold up the event loop. Whoever takes such a list checks its elements, in slices where it is long.
 */
import { type Static, type TObject, type TSchema, Type } from "typebox";

/** An optional member of a request; null counts as absent. */
export const optional = Type.Optional;

/** A list in a request; its elements are checked where it is used. */
export function listOf<S extends TSchema>(items: S, description: string): Type.TUnsafe<Static<S>[]> {
  return Type.Unsafe<Static<S>[]>({ type: "array", "x-items": items, description });
}

/** An object in a request whose members are checked where it is used. */
export function freeObject(description: string): Type.TUnsafe<Record<string, unknown>> {
  return Type.Unsafe<Record<string, unknown>>({ type: "object", description });
}

/** The answer `{ status: "success", params }`. */
export function success(params: Readonly<Record<string, TSchema>>): TObject {
  return Type.Object({ status: Type.Literal("success"), params: Type.Object({ ...params }) });
}

export const text = (description: string): Type.TString => Type.String({ description });
export const flag = (description: string): Type.TBoolean => Type.Boolean({ description });
export const count = (description: string, minimum = 0): Type.TInteger => Type.Integer({ minimum, description });
export const number = (description: string): Type.TNumber => Type.Number({ description });
/** A member of an answer that may be null. */
export const nullable = <S extends TSchema>(schema: S): Type.TUnion<[S, Type.TNull]> =>
  Type.Union([schema, Type.Null()]);

// Names.

const databaseName = Type.String({ minLength: 1, description: "Name of the database." });
const collectionName = Type.String({ minLength: 1, description: "Name of the collection." });

/** The database of a request; also what answers repeat of it. */
export const database = { database_name: databaseName };
/** The collection of a request; also what answers repeat of it. */
export const place = { database_name: databaseName, collection_name: collectionName };
/** Where a write may be staged. */
export const session = {
  session_id: optional(text("Session to stage the write in, in place of committing it.")),
};

// Values.

export const id = Type.Union([Type.Integer({ minimum: 0 }), Type.String({ minLength: 1 })], {
  description: 'A non-negative integer or a text that is not empty; `1` and `"1"` differ.',
});
export const ids = listOf(id, "Ids.");
export const field = Type.Unsafe<object>({ type: "object", additionalProperties: true, description: "Metadata." });
export const fields = listOf(nullable(field), "Metadata of the rows, in their order; null for none.");
const component = Type.Number({ description: "A finite number, kept as float32." });
export const vector = listOf(component, "A vector.");
const vectors = listOf(Type.Array(component), "Vectors, one a row.");
export const sparse = Type.Object(
  {
    indices: listOf(Type.Integer({ minimum: 0 }), "Indices of the weights, 0 to 2^32 - 1."),
    values: listOf(Type.Number(), "Weights, in the order of the indices."),
  },
  { description: "A sparse vector." },
);
const base64 = (what: string): Type.TString =>
  Type.String({ contentEncoding: "base64", description: `Base64 of ${what} as little-endian float32.` });
const dim = count("Components of a vector.", 1);

/** One vector, either way. */
export const oneVector = {
  vector: optional(vector),
  vector_b64: optional(base64("the vector, in place of `vector`,")),
  dim: optional(dim),
};
/** Many vectors, either way. */
export const manyVectors = {
  vectors: optional(vectors),
  vectors_b64: optional(base64("the vectors one after another, in place of `vectors`,")),
  dim: optional(count("Components of a vector; needed with `vectors_b64`.", 1)),
};

// What narrows and shapes a read.

export const where = {
  where: optional(text("Only rows for which this filter is true.")),
  params: optional(
    freeObject("Values of the `:name` parameters in `where`: texts, numbers, booleans, null, or lists."),
  ),
};
export const read = { ...where, filter_ids: optional(listOf(id, "Only rows with these ids.")) };
export const fetch = {
  return_fields: optional(flag("Also return metadata. Default false.")),
  return_vectors: optional(flag("Also return vectors, as `vectors_b64`. Default false.")),
};
const facetsWanted = Type.Union(
  [listOf(Type.String(), "Names of fields."), freeObject("Number of values wanted by name of field.")],
  { description: "Fields whose values are counted: names, or the number of values wanted by name. Default 10 values." },
);
export const facets = optional(facetsWanted);
export const facetsRequired = facetsWanted;
export const grouping = {
  group_by: optional(text("Field whose values are the groups.")),
  group_size: optional(count("Rows of a group. Default 1.", 1)),
};
export const rank = {
  k: optional(count("Rows wanted, or groups with `group_by`. Default 10.", 1)),
  ...read,
  ...fetch,
  ...grouping,
  facets,
  mmr: optional(
    Type.Object(
      {
        lambda: optional(number("1: relevance alone, 0: diversity alone. Default 0.5.")),
        rerank_k: optional(count("Rows that are chosen from. Default five times `k`, at least 50.", 1)),
      },
      { description: "Reorders for diversity by maximal marginal relevance." },
    ),
  ),
};
export const vectorField = {
  vector_field: optional(text("Vector field to search. Default `default`.")),
  field_name: optional(text("The same as `vector_field`.")),
};
export const vectorSearch = {
  ...vectorField,
  nprobe: optional(count("Effort of an approximate index; 0 or absent: the index's own.")),
  exact: optional(flag("Search without an approximate index. Default false.")),
  approx: optional(flag("Permit an approximate answer. Default false.")),
  eps: optional(number("Tolerance of an approximate answer. Default 0.0001.")),
};
export const textSearch = {
  text_fields: optional(
    Type.Union([Type.String(), listOf(Type.String(), "Names of fields.")], {
      description: "Fields whose texts count. Default: every field of the text index.",
    }),
  ),
  operator: optional(
    Type.Union([Type.Literal("or"), Type.Literal("and")], {
      description: "`or` (the default): a row has one of the words; `and`: all of them.",
    }),
  ),
};

// Answers.

const facetCounts = Type.Record(
  Type.String(),
  Type.Array(Type.Object({ value: Type.Union([Type.String(), Type.Number(), Type.Boolean()]), count: Type.Integer() })),
  { description: "Values of the fields asked for, most frequent first." },
);
export const facetCountsAnswer = facetCounts;
const groups = Type.Array(
  Type.Object({
    value: Type.Union([Type.String(), Type.Number(), Type.Boolean()]),
    positions: Type.Array(Type.Integer()),
  }),
  { description: "Groups, best first, with the positions of their rows." },
);
const signalScore = optional(
  Type.Object({ value: nullable(Type.Number()), rank: Type.Integer(), share: Type.Number() }),
);
const rowVectors = {
  vectors_b64: optional(base64("the vectors, where they were asked for,")),
  dim: optional(Type.Integer()),
  vectors_absent: optional(
    Type.Array(Type.Integer(), { description: "Positions of rows that have no vector in the field; zeros above." }),
  ),
};
const scores = Type.Array(nullable(Type.Number()), {
  description: "Scores or distances, best first; null for one that is not finite.",
});
/** What follows a ranking, where it was asked for. */
const extras = {
  ...rowVectors,
  scores_not_finite: optional(
    Type.Array(Type.Object({ position: Type.Integer(), value: Type.String() }), {
      description: "What the scores that are null are: `Infinity`, `-Infinity` or `NaN`.",
    }),
  ),
  groups: optional(groups),
  facets: optional(facetCounts),
  parts: optional(
    Type.Array(Type.Object({ vector: signalScore, text: signalScore, sparse: signalScore }), {
      description: "What the signals of a hybrid search said of each row.",
    }),
  ),
  highlights: optional(Type.Array(Type.Array(Type.Object({ field: Type.String(), text: Type.String() })))),
};
export const idsAnswer = Type.Array(id);
const labels = { index: Type.String(), metric: Type.String() };
/** Rows of a search. */
export const items = Type.Object({
  k: Type.Integer(),
  ids: idsAnswer,
  scores,
  fields: Type.Array(field),
  ...labels,
  vector_field: optional(Type.String()),
  ...extras,
});
/** Rows of a range. */
export const rangeResult = Type.Object({
  ids: idsAnswer,
  distances: scores,
  fields: Type.Array(field),
  ...labels,
  ...extras,
});
/** Rows that have no rank, in columns. */
export const columns = Type.Object({
  ids: idsAnswer,
  fields: nullable(Type.Array(field)),
  ...rowVectors,
  cursor: optional(nullable(Type.String())),
  groups: optional(nullable(groups)),
  facets: optional(nullable(facetCounts)),
  ...labels,
});
/** Rows that have no rank, as the original gives them: `[vectors, ids, fields]`. */
export const rowsTriple = Type.Tuple([Type.Array(Type.Array(Type.Number())), idsAnswer, Type.Array(field)]);
export const format = {
  format: optional(
    Type.Literal("columns", { description: "Give rows by column: `ids`, `fields`, and `vectors_b64` with `dim`." }),
  ),
};

/** A database and a collection that all examples speak of. */
export const exampleDatabase = { database_name: "app" };
export const examplePlace = { database_name: "app", collection_name: "docs" };
