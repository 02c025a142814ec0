/**
 * How are vectors searched for over HTTP?
 */
import { Type } from "typebox";
import type { DocumentQuery } from "../../client/search-options.js";
import { LynseError } from "../../errors.js";
import { TimeSlice } from "../../time-slice.js";
import type { Id, Vector } from "../../types.js";
import { checkBatchRows } from "../binary/request-collection.js";
import { type Route, type RouteContext, route } from "../route.js";
import { checkBatch, checkRead } from "./check-request.js";
import { definedMembers } from "./defined-members.js";
import { type CollectionName, openCollection, placeOf } from "./open-collection.js";
import { requiredVector, requiredVectors, type VectorBody, vectorOf } from "./read-vectors.js";
import {
  count,
  examplePlace,
  fetch,
  id,
  items,
  listOf,
  manyVectors,
  number,
  oneVector,
  optional,
  place,
  rangeResult,
  rank,
  read,
  success,
  text,
  vectorField,
  vectorSearch,
} from "./schemas.js";
import { profileOf } from "./to-plan.js";
import { itemsOf, rangeOf } from "./to-rows.js";
import {
  type RankBody,
  readOptions,
  searchOptions,
  type VectorSearchBody,
  vectorFieldOf,
} from "./to-search-options.js";

const tag = "searches";
const kDefault = 10;
const primaryField = "default";

const exampleVector = [0.1, 0.2, 0.3, 0.4];
const exampleItems = {
  ...{ k: 3, ids: [1001], scores: [0.98], fields: [{ title: "intro", lang: "en" }] },
  ...{ index: "HNSW-COS", metric: "cos", vector_field: "default" },
};
const exampleSearch = { ...examplePlace, vector: exampleVector, k: 3, where: "lang = 'en'", return_fields: true };

interface SearchBody extends CollectionName, RankBody, VectorSearchBody, VectorBody {
  readonly document?: string;
}

/** What is searched for: a vector, or a text where the server can make one of it. */
function targetOf({ body, server }: RouteContext<SearchBody>): Vector | DocumentQuery {
  const { embed } = server;
  const vector = vectorOf(body);
  const { document } = body;
  if (document === undefined) return vector ?? requiredVector(body);
  if (vector !== null) {
    throw new LynseError("INVALID_ARGUMENT", "the body has both a vector and a document; give one of them", {
      member: "document",
    });
  }
  if (embed !== null) return { document, embed };
  throw new LynseError(
    "INVALID_ARGUMENT",
    "this server makes no vectors of documents: send vector, or start the server with --embed",
    { member: "document" },
  );
}

const search = route({
  method: "POST",
  path: "/search",
  tag,
  summary: "The k nearest live rows.",
  access: "read",
  body: Type.Object({
    ...place,
    ...oneVector,
    document: optional(text("A text to search for, where the server was started with an embedder.")),
    ...rank,
    ...vectorSearch,
  }),
  response: success({ ...place, items }),
  example: { body: exampleSearch, response: { status: "success", params: { ...examplePlace, items: exampleItems } } },
  async handler(context) {
    const { body, server, signal } = context;
    checkRead(body, server.limits);
    const target = targetOf(context);
    const collection = await openCollection(server, body);
    const view = await collection.search(target, searchOptions(body, signal));
    const found = await itemsOf(view, { vectorField: vectorFieldOf(body) ?? primaryField });
    return { status: "success", params: { ...placeOf(body), items: found } };
  },
});

const batchSearch = route({
  method: "POST",
  path: "/batch_search",
  tag,
  summary: "The k nearest live rows of each of many vectors, in their order.",
  access: "read",
  body: Type.Object({ ...place, ...manyVectors, ...rank, ...vectorSearch }),
  response: success({ ...place, results: Type.Array(items) }),
  example: {
    body: { ...examplePlace, vectors: [exampleVector], k: 3, return_fields: true },
    response: { status: "success", params: { ...examplePlace, results: [exampleItems] } },
  },
  async handler({ body, server, signal }) {
    checkRead(body, server.limits);
    const { matrix, count } = await requiredVectors(body, server.limits, "n_queries");
    checkBatchRows(count, body.k ?? kDefault);
    const collection = await openCollection(server, body);
    const views = count === 0 ? [] : await collection.batchSearch(matrix, searchOptions(body, signal));
    const field = vectorFieldOf(body) ?? primaryField;
    const results: object[] = [];
    const slice = new TimeSlice();
    for (const view of views) {
      results.push(await itemsOf(view, { vectorField: field }));
      if (slice.isDue()) await slice.giveWay();
    }
    return { status: "success", params: { ...placeOf(body), results } };
  },
});

const searchRange = route({
  method: "POST",
  path: "/search_range",
  tag,
  summary: "All live rows within a score or distance, best first.",
  access: "read",
  body: Type.Object({
    ...place,
    ...oneVector,
    threshold: number("Least score or greatest distance that still counts."),
    max_results: optional(count("Most rows to return. Default 1000.")),
    ...read,
    ...fetch,
    ...vectorField,
  }),
  response: success({ ...place, result: rangeResult }),
  example: {
    body: { ...examplePlace, vector: exampleVector, threshold: 0.9 },
    response: {
      status: "success",
      params: {
        ...examplePlace,
        result: { ids: [1001], distances: [0.98], fields: [], index: "HNSW-COS", metric: "cos" },
      },
    },
  },
  async handler({ body, server, signal }) {
    checkRead(body, server.limits);
    const { threshold, max_results, return_fields, return_vectors } = body;
    const own = definedMembers({
      maxResults: max_results,
      returnFields: return_fields,
      returnVectors: return_vectors,
      vectorField: vectorFieldOf(body),
    });
    const vector = requiredVector(body);
    const collection = await openCollection(server, body);
    const view = await collection.searchRange(vector, { threshold, ...own, ...readOptions(body, signal) });
    return { status: "success", params: { ...placeOf(body), result: await rangeOf(view) } };
  },
});

const searchProfile = route({
  method: "POST",
  path: "/search_profile",
  tag,
  summary: "A search, with an account of how it was done. Times are microseconds.",
  access: "read",
  body: Type.Object({ ...place, ...oneVector, ...rank, ...vectorSearch }),
  response: success({ ...place, items, profile: Type.Object({}, { additionalProperties: true }) }),
  example: {
    body: { ...exampleSearch },
    response: {
      status: "success",
      params: {
        ...examplePlace,
        items: exampleItems,
        profile: {
          ...{ query_kind: "vector", vector_field: "default", index_path: "ann_index", total_vectors: 1000 },
          ...{ filter_expression: "lang = 'en'", filter_matches: 400, scanned_vectors: 400, result_count: 1 },
          ...{ filter_us: 12, search_us: 150, rerank_us: 0, total_us: 180 },
        },
      },
    },
  },
  async handler({ body, server, signal }) {
    checkRead(body, server.limits);
    const vector = requiredVector(body);
    const collection = await openCollection(server, body);
    const found = await collection.searchProfile(vector, searchOptions(body, signal));
    const field = vectorFieldOf(body) ?? primaryField;
    const profile = profileOf(found.profile, {
      vectorField: field,
      where: body.where ?? null,
      isFiltered: body.where !== undefined || body.filter_ids !== undefined,
    });
    const items = await itemsOf(found.items, { vectorField: field });
    return { status: "success", params: { ...placeOf(body), items, profile } };
  },
});

const example = Type.Union([id, listOf(Type.Number(), "A vector.")]);
const examplesOf = (what: string) =>
  Type.Union([id, listOf(example, "Ids and vectors.")], {
    description: `An id, or a list of ids and vectors, ${what}.`,
  });

const recommend = route({
  method: "POST",
  path: "/recommend",
  tag,
  summary: "Rows like some and unlike others, which do not come back themselves.",
  access: "read",
  body: Type.Object({
    ...place,
    positive: examplesOf("that the rows are to be like"),
    negative: optional(examplesOf("that they are to be unlike")),
    strategy: optional(Type.Literal("average")),
    ...rank,
    ...vectorSearch,
  }),
  response: success({ ...place, items }),
  example: {
    body: { ...examplePlace, positive: [1001], negative: [[0.4, 0.3, 0.2, 0.1]], k: 3 },
    response: { status: "success", params: { ...examplePlace, items: { ...exampleItems, ids: [1002] } } },
  },
  async handler({ body, server, signal }) {
    checkRead(body, server.limits);
    const { positive, negative, strategy } = body;
    checkBatch("examples", lengthOf(positive) + lengthOf(negative), server.limits);
    const query = { positive: positive as Id[], ...definedMembers({ negative: negative as Id[] | undefined }) };
    const options = { ...searchOptions(body, signal), ...definedMembers({ strategy }) };
    const view = await (await openCollection(server, body)).recommend(query, options);
    const found = await itemsOf(view, { vectorField: vectorFieldOf(body) ?? primaryField });
    return { status: "success", params: { ...placeOf(body), items: found } };
  },
});

function lengthOf(examples: unknown): number {
  if (examples === undefined) return 0;
  return Array.isArray(examples) ? examples.length : 1;
}

/** Searches by vectors. */
export const searchRoutes: readonly Route[] = [search, batchSearch, searchRange, searchProfile, recommend];
