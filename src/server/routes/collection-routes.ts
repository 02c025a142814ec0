/**
 * How are collections made, described and dropped over HTTP?
 *
 * Only `/required_collection` creates. Collections stay open between requests: closing one does nothing.
 */
import { Type } from "typebox";
import type { CollectionDescription } from "../../client/database.js";
import { type Route, route } from "../route.js";
import { definedMembers } from "./defined-members.js";
import { embedderBody, namedEmbedder } from "./named-embedder.js";
import { openCollection, openDatabase, placeOf } from "./open-collection.js";
import {
  count,
  database,
  exampleDatabase,
  examplePlace,
  field,
  flag,
  listOf,
  nullable,
  number,
  optional,
  place,
  success,
  text,
} from "./schemas.js";
import { textOptions, textOptionsAnswer } from "./to-text-options.js";
import { dtypeOf, vectorFieldEntry } from "./to-vector-field.js";

const tag = "collections";
/** LynseDB's rows of a chunk; nothing here depends on it. */
const chunkSize = 100_000;

const textBody = {
  fields: optional(
    Type.Union([listOf(Type.String(), "Names of fields."), Type.Null()], {
      description: "Fields whose texts are indexed; null (the default): every text.",
    }),
  ),
  k1: optional(number("Saturation of a word's frequency, from 0. Default 1.2.")),
  b: optional(number("Weight of a text's length, 0 to 1. Default 0.75.")),
  language: optional(
    Type.Union([Type.String(), Type.Null()], { description: "Language of the stemmer; null (the default): none." }),
  ),
  stop_words: optional(
    Type.Union([Type.Boolean(), listOf(Type.String(), "Words.")], {
      description: "Words that don't count: true for the language's, or a list. Default false.",
    }),
  ),
  fold_accents: optional(flag("Letters lose their accents. Default false.")),
};

const requiredCollection = route({
  method: "POST",
  path: "/required_collection",
  tag,
  summary: "Open a collection, creating it where it is missing.",
  access: "write",
  body: Type.Object({
    ...place,
    dim: optional(count("Components of the vectors. Absent or 0: those of the first write.")),
    drop_if_exists: optional(flag("Drop an existing one first. Default false.")),
    description: optional(text("Description of a new collection.")),
    dtypes: optional(text("How components are stored: float32 (default) or float16.")),
    default_index: optional(text("Index of a new collection. Absent: none, exact inner product.")),
    text: optional(Type.Object(textBody, { description: "How texts of a new collection are searched." })),
    embedder: optional(embedderBody),
    n_threads: optional(count("Ignored.")),
    warm_up: optional(flag("Ignored.")),
  }),
  response: success(place),
  example: {
    body: { ...examplePlace, dim: 4, description: "pages", dtypes: "float32" },
    response: { status: "success", params: examplePlace },
  },
  async handler({ body, server }) {
    const { dim, drop_if_exists, description, dtypes, default_index, text, embedder } = body;
    const options = definedMembers({
      dim: dim === 0 ? undefined : dim,
      dtype: dtypeOf(dtypes),
      description,
      dropIfExists: drop_if_exists,
      text: text === undefined ? undefined : textOptions(text),
      embed: embedder === undefined ? undefined : namedEmbedder(embedder),
    });
    // LynseDB's clients build their default index themselves, once there are rows and none is reported.
    const defaultIndex = default_index ?? null;
    const names = placeOf(body);
    const found = await openDatabase(server, body);
    await found.requireCollection(names.collection_name, { ...options, defaultIndex });
    server.opened.add(names.database_name, names.collection_name);
    return { status: "success", params: names };
  },
});

const dropCollection = route({
  method: "POST",
  path: "/drop_collection",
  tag,
  summary: "Remove a collection and its files; succeeds also where it is missing.",
  access: "write",
  body: Type.Object(place),
  response: success(place),
  example: { body: examplePlace, response: { status: "success", params: examplePlace } },
  async handler({ body, server }) {
    const names = placeOf(body);
    await (await openDatabase(server, body)).dropCollection(names.collection_name);
    return { status: "success", params: names };
  },
});

const isCollectionExists = route({
  method: "POST",
  path: "/is_collection_exists",
  tag,
  summary: "Tell whether there is a collection of that name.",
  access: "read",
  body: Type.Object(place),
  response: success({ ...place, exists: Type.Boolean() }),
  example: { body: examplePlace, response: { status: "success", params: { ...examplePlace, exists: true } } },
  async handler({ body, server }) {
    const names = placeOf(body);
    const exists = await (await openDatabase(server, body)).hasCollection(names.collection_name);
    return { status: "success", params: { ...names, exists } };
  },
});

const showCollections = route({
  method: "POST",
  path: "/show_collections",
  tag,
  summary: "Names of the collections, sorted.",
  access: "read",
  body: Type.Object(database),
  response: success({ ...database, collections: Type.Array(Type.String()) }),
  example: {
    body: exampleDatabase,
    response: { status: "success", params: { ...exampleDatabase, collections: ["docs"] } },
  },
  async handler({ body, server }) {
    const collections = await (await openDatabase(server, body)).listCollections();
    return { status: "success", params: { database_name: body.database_name.trim(), collections } };
  },
});

const details = Type.Object({
  name: Type.String(),
  shape: Type.Tuple([Type.Integer(), Type.Integer()]),
  index_mode: nullable(Type.String()),
  dim: Type.Integer(),
  dtypes: Type.String(),
  description: nullable(Type.String()),
  error: nullable(Type.Object({ error: Type.String(), code: Type.String(), details: field })),
});

const showCollectionsDetails = route({
  method: "POST",
  path: "/show_collections_details",
  tag,
  summary: "All collections of a database, described, by name.",
  access: "read",
  body: Type.Object(database),
  response: success({ ...database, collections: Type.Record(Type.String(), details) }),
  example: {
    body: exampleDatabase,
    response: {
      status: "success",
      params: {
        ...exampleDatabase,
        collections: {
          docs: {
            ...{ name: "docs", shape: [1000, 4], index_mode: "HNSW-COS", dim: 4, dtypes: "float32" },
            ...{ description: "pages", error: null },
          },
        },
      },
    },
  },
  async handler({ body, server }) {
    const described = await (await openDatabase(server, body)).describeCollections();
    const collections = Object.fromEntries(described.map((one) => [one.name, detailsOf(one)]));
    return { status: "success", params: { database_name: body.database_name.trim(), collections } };
  },
});

function detailsOf({ name, rows, dim, dtype, index, description, error }: CollectionDescription): object {
  return {
    ...{ name, shape: [rows, dim ?? 0], index_mode: index, dim: dim ?? 0, dtypes: dtype, description },
    // Why the collection cannot be read, as an error answer would say it.
    error: error === null ? null : { error: error.message, code: error.code.toLowerCase(), details: error.details },
  };
}

const config = Type.Object({
  dim: Type.Integer(),
  chunk_size: Type.Integer(),
  description: nullable(Type.String()),
  dtypes: Type.String(),
  index: nullable(Type.String()),
  default_index: nullable(Type.String()),
  created_at: Type.String({ description: "ISO 8601." }),
  text: Type.Object({}, { additionalProperties: true }),
  embedder: nullable(Type.Object({ name: Type.String(), dim: Type.Integer() })),
  vector_fields: Type.Array(Type.Object({ name: Type.String() }, { additionalProperties: true })),
});

const getCollectionConfig = route({
  method: "POST",
  path: "/get_collection_config",
  tag,
  summary: "How a collection is configured.",
  access: "read",
  body: Type.Object(place),
  response: success({ ...place, config }),
  example: {
    body: examplePlace,
    response: {
      status: "success",
      params: {
        ...examplePlace,
        config: {
          ...{ dim: 4, chunk_size: chunkSize, description: "pages", dtypes: "float32", index: "HNSW-COS" },
          ...{ default_index: "FLAT-IP", created_at: "2026-11-23T09:30:00.000Z" },
          text: { fields: null, k1: 1.2, b: 0.75, language: null, stop_words: false, fold_accents: false },
          ...{ embedder: null, vector_fields: [] },
        },
      },
    },
  },
  async handler({ body, server }) {
    const collection = await openCollection(server, body);
    const [stats, text] = await Promise.all([collection.stats(), collection.textOptions()]);
    const { description, index, defaultIndex, createdAt } = stats;
    const config = {
      ...{ dim: stats.dim ?? 0, chunk_size: chunkSize, description, dtypes: stats.dtype, index },
      ...{ default_index: defaultIndex, created_at: createdAt },
      text: textOptionsAnswer(text),
      embedder: stats.embedder,
      vector_fields: stats.vectorFields.map(vectorFieldEntry),
    };
    return { status: "success", params: { ...placeOf(body), config } };
  },
});

const configureText = route({
  method: "POST",
  path: "/configure_text",
  tag,
  summary: "Change how texts are searched; options that are absent have their defaults.",
  access: "write",
  body: Type.Object({ ...place, ...textBody }),
  response: success({ ...place, text: Type.Object({}, { additionalProperties: true }) }),
  example: {
    body: { ...examplePlace, fields: ["title"], fold_accents: true },
    response: {
      status: "success",
      params: {
        ...examplePlace,
        text: { fields: ["title"], k1: 1.2, b: 0.75, language: null, stop_words: false, fold_accents: true },
      },
    },
  },
  async handler({ body, server }) {
    const collection = await openCollection(server, body);
    await collection.configureText(textOptions(body));
    return { status: "success", params: { ...placeOf(body), text: textOptionsAnswer(await collection.textOptions()) } };
  },
});

function descriptionRoute(path: string): Route {
  return route({
    method: "POST",
    path,
    tag,
    summary: "Change a collection's description.",
    access: "write",
    body: Type.Object({ ...place, description: text("The description.") }),
    response: success(place),
    example: {
      body: { ...examplePlace, description: "pages" },
      response: { status: "success", params: examplePlace },
    },
    async handler({ body, server }) {
      await (await openCollection(server, body)).updateDescription(body.description);
      return { status: "success", params: placeOf(body) };
    },
  });
}

/** Collections. */
export const collectionRoutes: readonly Route[] = [
  requiredCollection,
  dropCollection,
  isCollectionExists,
  showCollections,
  showCollectionsDetails,
  getCollectionConfig,
  descriptionRoute("/update_description"),
  descriptionRoute("/update_collection_description"),
  configureText,
];
