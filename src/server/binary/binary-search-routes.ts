/**
 * How is searched with bytes?
 *
 * The body is query vectors, the answer search blocks. Integer ids only: where a row found has a string id, the
 * answer is 409 `string_ids`.
 */
import { type Static, Type } from "typebox";
import type { ResultView } from "../../client/result-view.js";
import type { SearchOptions } from "../../client/search-options.js";
import { TimeSlice } from "../../time-slice.js";
import { encodeSearchBlock, encodeSearchBlocks } from "../../wire/search-block.js";
import { decodeVectors, decodeVectorsInSlices, vectorEncodingOf } from "../../wire/vector-encoding.js";
import { type Route, route } from "../route.js";
import { openCollection } from "../routes/open-collection.js";
import { searchQuery } from "./binary-schemas.js";
import { checkIntegerIds } from "./check-integer-ids.js";
import { checkBatchRows, checkServerLimit, checkVectorBytes } from "./request-collection.js";

const kDefault = 10;
const searchSchema = Type.Object(searchQuery);

const search = route({
  method: "POST",
  path: "/search_binary",
  tag: "binary",
  summary: "Search with one vector; the answer is a search block.",
  access: "read",
  body: "bytes",
  query: searchSchema,
  response: "binary",
  example: { query: { database_name: "app", collection_name: "docs", dim: 4, k: 3 } },
  async handler({ bytes, query, server, signal }) {
    const { dim, k = kDefault } = query;
    const encoding = vectorEncodingOf(query.vector_encoding);
    checkServerLimit("k", k, "max_top_k", server.limits.maxTopK);
    checkVectorBytes(bytes.length, 1, dim, encoding);
    const collection = await openCollection(server, query);
    const vector = decodeVectors(bytes, encoding);
    const view = await collection.search(vector, { ...searchOptions(query), signal });
    return encodeSearchBlock(blockOf(view, "/search"));
  },
});

const batchSearch = route({
  method: "POST",
  path: "/batch_search_binary",
  tag: "binary",
  summary: "Search with many vectors; the answer is a count and as many search blocks.",
  access: "read",
  body: "bytes",
  query: Type.Object({
    ...searchQuery,
    n_queries: Type.Integer({ minimum: 0, description: "Vectors in the body." }),
  }),
  response: "binary",
  example: { query: { database_name: "app", collection_name: "docs", dim: 4, n_queries: 2, k: 3 } },
  async handler({ bytes, query, server, signal }) {
    const { dim, n_queries, k = kDefault } = query;
    const encoding = vectorEncodingOf(query.vector_encoding);
    checkServerLimit("k", k, "max_top_k", server.limits.maxTopK);
    checkServerLimit("n_queries", n_queries, "max_batch_vectors", server.limits.maxBatchVectors);
    checkBatchRows(n_queries, k);
    checkVectorBytes(bytes.length, n_queries, dim, encoding);
    const collection = await openCollection(server, query);
    const data = await decodeVectorsInSlices(bytes, encoding, new TimeSlice());
    const views = await collection.batchSearch({ data, dim }, { ...searchOptions(query), signal });
    return encodeSearchBlocks(views.map((view) => blockOf(view, "/batch_search")));
  },
});

function searchOptions(query: Static<typeof searchSchema>): SearchOptions {
  const { k = kDefault, where, return_fields: returnFields = false, nprobe, exact, approx, eps } = query;
  const { vector_field: vectorField } = query;
  return {
    k,
    returnFields,
    ...(where === undefined || where === "" ? {} : { where }),
    ...(nprobe === undefined ? {} : { nprobe }),
    ...(exact === undefined ? {} : { exact }),
    ...(approx === undefined ? {} : { approx }),
    ...(eps === undefined ? {} : { eps }),
    ...(vectorField === undefined || vectorField === "" ? {} : { vectorField }),
  };
}

function blockOf(view: ResultView, jsonPath: string): ResultView {
  checkIntegerIds(view.ids, jsonPath);
  return view;
}

/** Searches with bytes. */
export const binarySearchRoutes: readonly Route[] = [search, batchSearch];
