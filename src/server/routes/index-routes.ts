/**
 * How are indexes built and removed over HTTP?
 *
 * A build goes on when its client leaves or gives up waiting, unless it was asked to end then: an index that is half built
 * is worth more than none. One that is not waited for is followed by its id.
 */
import { Type } from "typebox";
import type { Collection } from "../../client/collection.js";
import { isLynseError } from "../../errors.js";
import { yieldToEventLoop } from "../../time-slice.js";
import { errorAnswer } from "../error-answer.js";
import type { BuildPlace, IndexBuild } from "../index-builds.js";
import { type Route, type RouteContext, route } from "../route.js";
import { definedMembers } from "./defined-members.js";
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
  wait: optional(
    flag("False: answer 202 at once, with a `build_id` for /index_build and /cancel_index_build. Default true."),
  ),
};
const built = {
  index_mode: Type.String(),
  n_clusters: nullable(Type.Integer()),
  params: nullable(freeObject("")),
  build_id: optional(Type.String()),
};
const exampleBuilt = { index_mode: "HNSW-COS", n_clusters: null, params: { m: 16 } };

interface BuildBody extends CollectionName, IndexBody {
  readonly field_name?: string;
  readonly wait?: boolean;
  readonly cancel?: boolean;
}

async function buildIndex(context: RouteContext<BuildBody>): Promise<object> {
  const { body, server, signal, reply, log } = context;
  const { field_name: fieldName, index_mode = defaultMode, n_clusters, params, wait = true, cancel = false } = body;
  const collection = await openCollection(server, body);
  const options = { ...indexOptions({ ...body, index_mode }), ...definedMembers({ fieldName }) };
  const vectors = await vectorsIn(collection, fieldName);
  const build = server.builds.start(buildPlace(body), vectors, (calls) =>
    collection.buildIndex(index_mode, { ...options, ...calls }),
  );
  const answer = { index_mode, n_clusters: n_clusters ?? null, params: params ?? null };
  if (wait) {
    if (cancel) cancelWith(signal, build);
    await build.ended;
    return answer;
  }
  // What is refused at once, is answered so.
  await yieldToEventLoop();
  if (build.failure !== null) throw build.failure;
  build.ended.catch((error: unknown) => {
    if (!isLynseError(error, "ABORTED")) log.error({ err: error, ...placeOf(body), index_mode }, "index build failed");
  });
  reply.status(202);
  return { ...answer, build_id: build.id };
}

/** Live rows that have a vector in a field. */
async function vectorsIn(collection: Collection, fieldName = "default"): Promise<number> {
  return (await collection.listVectorFields()).find(({ name }) => name === fieldName)?.rows ?? 0;
}

/** Ends a build with its client; not where the server gave up making it wait. */
function cancelWith(signal: AbortSignal, build: IndexBuild): void {
  const leave = (): void => {
    if (!isLynseError(signal.reason, "TIMEOUT")) build.cancel();
  };
  if (signal.aborted) leave();
  else signal.addEventListener("abort", leave, { once: true });
}

function buildPlace(name: CollectionName): BuildPlace {
  const { database_name: databaseName, collection_name: collectionName } = placeOf(name);
  return { databaseName, collectionName };
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

const buildId = { build_id: text("The build, from the answer to one with `wait: false`.") };
const exampleBuild = { ...examplePlace, build_id: "q1Zt0nC0T1m3sAreGood22" };

const indexBuild = route({
  method: "POST",
  path: "/index_build",
  tag,
  summary: "How far a build is, and how it ended; known for ten minutes after its end.",
  access: "read",
  body: Type.Object({ ...place, ...buildId }),
  response: success({
    ...place,
    build_id: Type.String(),
    state: Type.Union([Type.Literal("building"), Type.Literal("built"), Type.Literal("failed")]),
    progress: nullable(freeObject("`done`: rows so far; `total`: rows in all.")),
    error: nullable(Type.Object({ error: Type.String(), code: Type.String(), details: freeObject("") })),
  }),
  example: {
    body: exampleBuild,
    response: {
      status: "success",
      params: { ...exampleBuild, state: "building", progress: { done: 400, total: 1000 }, error: null },
    },
  },
  handler({ body, server, requestId }) {
    const { state, progress, failure, id } = server.builds.find(buildPlace(body), body.build_id);
    let error: object | null = null;
    if (failure !== null) {
      const { message, code, details } = errorAnswer(failure, requestId);
      error = { error: message, code, details };
    }
    return { status: "success", params: { ...placeOf(body), build_id: id, state, progress, error } };
  },
});

const cancelIndexBuild = route({
  method: "POST",
  path: "/cancel_index_build",
  tag,
  summary: "End a build; the index before it goes on serving. One that has ended stays as it is.",
  access: "write",
  body: Type.Object({ ...place, ...buildId }),
  response: success({ ...place, build_id: Type.String() }),
  example: { body: exampleBuild, response: { status: "success", params: exampleBuild } },
  async handler({ body, server }) {
    const build = server.builds.find(buildPlace(body), body.build_id);
    build.cancel();
    await build.ended.catch(() => {});
    return { status: "success", params: { ...placeOf(body), build_id: build.id } };
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
  indexBuild,
  cancelIndexBuild,
  removeIndex,
  removeFieldIndex,
  indexMode,
];
