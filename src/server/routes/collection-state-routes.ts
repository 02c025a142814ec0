/**
 * What state is a collection in, and how is it told to put its state in order?
 *
 * Collections stay open between requests: closing one does nothing.
 */
import { Type } from "typebox";
import { type Route, route } from "../route.js";
import { collectionRoute } from "./collection-route.js";
import { openCollection, placeOf } from "./open-collection.js";
import { examplePlace, flag, freeObject, id, idsAnswer, optional, place, success } from "./schemas.js";
import { fullStatsOf, statsOf } from "./to-stats.js";

const tag = "collections";

const collectionShape = collectionRoute(
  "/collection_shape",
  "Number of live rows, and components of their vectors.",
  { shape: Type.Tuple([Type.Integer(), Type.Integer()]) },
  { shape: [1000, 4] },
  async (collection) => ({ shape: await collection.shape() }),
);

const stats = route({
  method: "POST",
  path: "/stats",
  tag,
  summary: "Sizes and state of a collection.",
  access: "read",
  body: Type.Object({ ...place, full: optional(flag("Also everything that is known, as `full`. Default false.")) }),
  response: success({
    ...place,
    stats: Type.Object({
      n_vectors: Type.Integer(),
      n_live: Type.Integer(),
      n_tombstoned: Type.Integer(),
      dimension: Type.Integer(),
      index_mode: Type.String(),
      max_id: Type.Integer(),
    }),
    full: optional(freeObject("Sizes by structure, in bytes; the state of the index; vector fields.")),
  }),
  example: {
    body: examplePlace,
    response: {
      status: "success",
      params: {
        ...examplePlace,
        stats: {
          ...{ n_vectors: 1002, n_live: 1000, n_tombstoned: 2, dimension: 4, index_mode: "HNSW-COS", max_id: 1001 },
        },
      },
    },
  },
  async handler({ body, server }) {
    const found = await (await openCollection(server, body)).stats();
    const params = { ...placeOf(body), stats: statsOf(found) };
    return { status: "success", params: body.full === true ? { ...params, full: fullStatsOf(found) } : params };
  },
});

const getCollectionPath = collectionRoute(
  "/get_collection_path",
  "The folder of a collection on the server.",
  { collection_path: Type.String() },
  { collection_path: "/data/app/docs" },
  ({ databaseName, name }, { server }) => ({
    collection_path: `${server.rootPath.replace(/(?<=[^/])\/$/, "")}/${databaseName}/${name}`,
  }),
);

const listFields = collectionRoute(
  "/list_fields",
  "Names of the metadata fields that live rows have, dotted for nested ones, sorted.",
  { fields: Type.Array(Type.String()) },
  { fields: ["lang", "title"] },
  async (collection) => ({ fields: await collection.listFields() }),
);

const isIdExists = route({
  method: "POST",
  path: "/is_id_exists",
  tag,
  summary: "Tell whether a live row has an id.",
  access: "read",
  body: Type.Object({ ...place, id }),
  response: success({ ...place, is_id_exists: Type.Boolean() }),
  example: {
    body: { ...examplePlace, id: 1001 },
    response: { status: "success", params: { ...examplePlace, is_id_exists: true } },
  },
  async handler({ body, server }) {
    const is_id_exists = await (await openCollection(server, body)).isIdExists(body.id);
    return { status: "success", params: { ...placeOf(body), is_id_exists } };
  },
});

const maxId = collectionRoute(
  "/max_id",
  "The largest integer id among live rows; -1 without one.",
  { max_id: Type.Integer() },
  { max_id: 1001 },
  async (collection) => ({ max_id: await collection.maxId() }),
);

const listDeletedIds = collectionRoute(
  "/list_deleted_ids",
  "Ids of the soft-deleted rows, in order of insertion.",
  { ids: idsAnswer },
  { ids: [7] },
  async (collection) => ({ ids: await collection.listDeletedIds() }),
);

const commit = route({
  method: "POST",
  path: "/commit",
  tag,
  summary: "Commit what is buffered. Writes over HTTP are committed when they are answered.",
  access: "write",
  body: Type.Object(place),
  response: Type.Object({ status: Type.Literal("Success"), result: Type.Object(place) }),
  example: { body: examplePlace, response: { status: "Success", result: examplePlace } },
  async handler({ body, server }) {
    await (await openCollection(server, body)).commit();
    return { status: "Success", result: placeOf(body) };
  },
});

const flush = collectionRoute(
  "/flush",
  "The same as /commit.",
  {},
  {},
  async (collection) => {
    await collection.flush();
    return {};
  },
  "write",
);

const checkpoint = collectionRoute(
  "/checkpoint",
  "Commit, and persist derived state so that the next open is fast.",
  {},
  {},
  async (collection) => {
    await collection.checkpoint();
    return {};
  },
  "write",
);

const compact = collectionRoute(
  "/compact",
  "Rewrite a collection without deleted and replaced rows.",
  { vectors_removed: Type.Integer() },
  { vectors_removed: 2 },
  async (collection, { signal }) => ({ vectors_removed: await collection.compact({ signal }) }),
  "write",
);

const closeCollection = route({
  method: "POST",
  path: "/close_collection",
  tag,
  summary: "Does nothing: other clients may use the collection, and the server keeps it open.",
  access: "read",
  body: Type.Object(place),
  response: success(place),
  example: { body: examplePlace, response: { status: "success", params: examplePlace } },
  handler({ body }) {
    return { status: "success", params: placeOf(body) };
  },
});

/** State of collections. */
export const collectionStateRoutes: readonly Route[] = [
  collectionShape,
  stats,
  getCollectionPath,
  listFields,
  isIdExists,
  maxId,
  listDeletedIds,
  commit,
  flush,
  checkpoint,
  compact,
  closeCollection,
];
