/**
 * How are indexes built and removed over HTTP?
 *
 * A build goes on when its client leaves or gives up waiting, unless it was asked to end then: an index that is half built
 * is worth more than none. What became of it, the statistics tell.
 */
import { Type } from "typebox";
import { type Route, type RouteContext, route } from "../route.js";
import { type CollectionName, openCollection, placeOf } from "./open-collection.js";
import { count, examplePlace, flag, freeObject, nullable, optional, place, success, text } from "./schemas.js";
import { type IndexBody, indexOptions } from "./to-index-options.js";

const tag = "indexes";
const defaultMode = "FLAT-IP";

const build = {
  index_mode: optional(text("Name of the index, e.g. HNSW-COS. Default FLAT-IP.")),
  n_clusters: optional(count("Clusters of an index that has clusters.")),
  params: optional(freeObject("Parameters of the index: m, ef_construction, ef_search, n_clusters, ….")),
  cancel: optional(flag("End the build when the client leaves before its end. Default false.")),
  wait: optional(flag("False: answer 202 at once, and build in the background. Default true.")),
};
const built = { index_mode: Type.String(), n_clusters: nullable(Type.Integer()), params: nullable(freeObject("")) };
const exampleBuilt = { index_mode: "HNSW-COS", n_clusters: null, params: { m: 16 } };

interface BuildBody extends CollectionName, IndexBody {
  readonly field_name?: string;
  readonly wait?: boolean;
  readonly cancel?: boolean;
}

async function buildIndex({ body, server, signal, reply, log }: RouteContext<BuildBody>): Promise<object> {
  const { field_name: fieldName, index_mode = defaultMode, n_clusters, params, wait = true, cancel = false } = body;
  const collection = await openCollection(server, body);
  const options = {
    ...indexOptions({ ...body, index_mode }),
    ...(fieldName === undefined ? {} : { fieldName }),
    ...(wait && cancel ? { signal } : {}),
  };
  const [rows] = await collection.shape();
  const building = server.builds.run(rows, () => collection.buildIndex(index_mode, options));
  if (wait) await building;
  else {
    building.catch((error: unknown) => log.error({ err: error, ...placeOf(body), index_mode }, "index build failed"));
    reply.status(202);
  }
  return { index_mode, n_clusters: n_clusters ?? null, params: params ?? null };
}

const buildCollectionIndex = route({
  method: "POST",
  path: "/build_index",
  tag,
  summary: "Build an index; answers when it serves.",
  access: "write",
  body: Type.Object({ ...place, ...build, field_name: optional(text("Vector field. Default `default`.")) }),
  response: success({ ...place, ...built }),
  example: {
    body: { ...examplePlace, index_mode: "HNSW-COS", params: { m: 16 } },
    response: { status: "success", params: { ...examplePlace, ...exampleBuilt } },
  },
  async handler(context) {
    const answer = await buildIndex(context);
    return { status: "success", params: { ...placeOf(context.body), ...answer } };
  },
});

const buildFieldIndex = route({
  method: "POST",
  path: "/build_vector_field_index",
  tag,
  summary: "Build the index of a named vector field; answers when it serves.",
  access: "write",
  body: Type.Object({ ...place, field_name: text("Vector field."), ...build }),
  response: success({ ...place, field_name: Type.String(), ...built }),
  example: {
    body: { ...examplePlace, field_name: "image", index_mode: "HNSW-COS", params: { m: 16 } },
    response: { status: "success", params: { ...examplePlace, field_name: "image", ...exampleBuilt } },
  },
  async handler(context) {
    const { body } = context;
    const answer = await buildIndex(context);
    return { status: "success", params: { ...placeOf(body), field_name: body.field_name, ...answer } };
  },
});

const removeIndex = route({
  method: "POST",
  path: "/remove_index",
  tag,
  summary: "Remove an index: searches are exact from then on.",
  access: "write",
  body: Type.Object({ ...place, field_name: optional(text("Vector field. Default `default`.")) }),
  response: success(place),
  example: { body: examplePlace, response: { status: "success", params: examplePlace } },
  async handler({ body, server }) {
    const collection = await openCollection(server, body);
    await collection.removeIndex(body.field_name === undefined ? {} : { fieldName: body.field_name });
    return { status: "success", params: placeOf(body) };
  },
});

const removeFieldIndex = route({
  method: "POST",
  path: "/remove_vector_field_index",
  tag,
  summary: "Remove the index of a named vector field.",
  access: "write",
  body: Type.Object({ ...place, field_name: text("Vector field.") }),
  response: success({ ...place, field_name: Type.String() }),
  example: {
    body: { ...examplePlace, field_name: "image" },
    response: { status: "success", params: { ...examplePlace, field_name: "image" } },
  },
  async handler({ body, server }) {
    const { field_name } = body;
    await (await openCollection(server, body)).removeIndex({ fieldName: field_name });
    return { status: "success", params: { ...placeOf(body), field_name } };
  },
});

const indexMode = route({
  method: "POST",
  path: "/index_mode",
  tag,
  summary: "Name of the index, or null.",
  access: "read",
  body: Type.Object({ ...place, field_name: optional(text("Vector field. Default `default`.")) }),
  response: success({ ...place, index_mode: nullable(Type.String()) }),
  example: {
    body: examplePlace,
    response: { status: "success", params: { ...examplePlace, index_mode: "HNSW-COS" } },
  },
  async handler({ body, server }) {
    const collection = await openCollection(server, body);
    const index_mode = await collection.indexMode(body.field_name === undefined ? {} : { fieldName: body.field_name });
    return { status: "success", params: { ...placeOf(body), index_mode } };
  },
});

/** Indexes. */
export const indexRoutes: readonly Route[] = [
  buildCollectionIndex,
  buildFieldIndex,
  removeIndex,
  removeFieldIndex,
  indexMode,
];
