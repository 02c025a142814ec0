/**
 * How are words, sparse vectors and several signals together searched for over HTTP?
 */
import { Type } from "typebox";
import type { HybridQuery } from "../../client/search-options.js";
import { LynseError } from "../../errors.js";
import { type Route, route } from "../route.js";
import { checkRead } from "./check-request.js";
import { definedMembers } from "./defined-members.js";
import { openCollection, placeOf } from "./open-collection.js";
import { vectorOf } from "./read-vectors.js";
import {
  count,
  examplePlace,
  flag,
  items,
  number,
  oneVector,
  optional,
  place,
  rank,
  sparse,
  success,
  text,
  textSearch,
  vectorSearch,
} from "./schemas.js";
import { itemsOf } from "./to-rows.js";
import { highlightOptions, rankOptions, searchOptions } from "./to-search-options.js";

const tag = "searches";

const exampleItems = {
  ...{ k: 3, ids: [1001], scores: [1.7], fields: [{ title: "intro", lang: "en" }] },
  ...{ index: "BM25-INVERTED", metric: "bm25" },
};

const highlight = Type.Union(
  [
    Type.Boolean(),
    Type.Object({
      before: optional(text("Put before a match. Default `<mark>`.")),
      after: optional(text("Put after a match. Default `</mark>`.")),
      max_length: optional(count("Characters of a fragment. Default: the whole text.", 1)),
      max_fragments: optional(count("Fragments of a text. Default 1.", 1)),
      ellipsis: optional(text("Put where text is left out. Default `…`.")),
      escape_html: optional(flag("Escape the text for HTML. Default false.")),
    }),
  ],
  { description: "Also return the texts with the words found marked." },
);

function textRoute(path: string): Route {
  return route({
    method: "POST",
    path,
    tag,
    summary: "The rows whose texts are most relevant to some words, by BM25.",
    access: "read",
    body: Type.Object({
      ...place,
      text: text('Words to look for; `"a phrase"`, `-without`, `begin*`.'),
      ...textSearch,
      k1: optional(number("Saturation of a word's frequency. Default: the collection's.")),
      b: optional(number("Weight of a text's length. Default: the collection's.")),
      highlight: optional(highlight),
      ...rank,
    }),
    response: success({ ...place, items }),
    example: {
      body: { ...examplePlace, text: "getting started", k: 3, return_fields: true },
      response: { status: "success", params: { ...examplePlace, items: exampleItems } },
    },
    async handler({ body, server, signal }) {
      checkRead(body, server.limits);
      const { text_fields, operator, k1, b } = body;
      const own = definedMembers({
        textFields: text_fields,
        operator,
        k1,
        b,
        highlight: highlightOptions(body.highlight),
      });
      const collection = await openCollection(server, body);
      const view = await collection.bm25Search(body.text, { ...rankOptions(body, signal), ...own });
      return { status: "success", params: { ...placeOf(body), items: await itemsOf(view) } };
    },
  });
}

const sparseSearch = route({
  method: "POST",
  path: "/sparse_search",
  tag,
  summary: "The rows whose sparse vectors have the largest inner products with this one.",
  access: "read",
  body: Type.Object({ ...place, vector: sparse, ...rank }),
  response: success({ ...place, items }),
  example: {
    body: { ...examplePlace, vector: { indices: [3, 17], values: [0.5, 1.2] }, k: 3 },
    response: {
      status: "success",
      params: { ...examplePlace, items: { ...exampleItems, fields: [], index: "SPARSE-FLAT-IP", metric: "ip" } },
    },
  },
  async handler({ body, server, signal }) {
    checkRead(body, server.limits);
    const view = await (await openCollection(server, body)).searchSparse(body.vector, rankOptions(body, signal));
    return { status: "success", params: { ...placeOf(body), items: await itemsOf(view) } };
  },
});

const hybridSearch = route({
  method: "POST",
  path: "/hybrid_search",
  tag,
  summary: "The best rows by several signals together: a vector, words, a sparse vector.",
  access: "read",
  body: Type.Object({
    ...place,
    ...oneVector,
    text: optional(text("Words to look for; a blank text counts as absent.")),
    sparse: optional(sparse),
    fusion: optional(text("`rrf` (the default): by rank; `weighted`: by scaled score.")),
    rrf_k: optional(number("Rank at which a reciprocal rank is halved, about. Default 60.")),
    vector_weight: optional(number("Weight of the vector, from 0. Default 1.")),
    text_weight: optional(number("Weight of the words, from 0. Default 1.")),
    sparse_weight: optional(number("Weight of the sparse vector, from 0. Default 1.")),
    candidate_limit: optional(count("Best rows of each signal that are fused. Default 4·k.", 1)),
    ...textSearch,
    ...rank,
    ...vectorSearch,
  }),
  response: success({ ...place, items, fusion: Type.String() }),
  example: {
    body: { ...examplePlace, vector: [0.1, 0.2, 0.3, 0.4], text: "getting started", k: 3 },
    response: {
      status: "success",
      params: {
        ...examplePlace,
        items: { ...exampleItems, fields: [], index: "HYBRID-RRF", metric: "fusion" },
        fusion: "rrf",
      },
    },
  },
  async handler({ body, server, signal }) {
    checkRead(body, server.limits);
    const { text_fields, operator, rrf_k, vector_weight, text_weight, sparse_weight, candidate_limit } = body;
    const fusion = fusionOf(body.fusion);
    const own = definedMembers({
      textFields: text_fields,
      operator,
      rrfK: rrf_k,
      vectorWeight: vector_weight,
      textWeight: text_weight,
      sparseWeight: sparse_weight,
      candidateLimit: candidate_limit,
    });
    const query: HybridQuery = definedMembers({
      vector: vectorOf(body) ?? undefined,
      text: body.text === undefined || body.text.trim() === "" ? undefined : body.text,
      sparse: body.sparse,
    });
    const collection = await openCollection(server, body);
    const view = await collection.hybridSearch(query, { ...searchOptions(body, signal), ...own, fusion });
    return { status: "success", params: { ...placeOf(body), items: await itemsOf(view), fusion } };
  },
});

function fusionOf(name: string | undefined): "rrf" | "weighted" {
  const key = name?.trim().toLowerCase() ?? "rrf";
  if (key === "rrf" || key === "weighted") return key;
  throw new LynseError("INVALID_ARGUMENT", `fusion must be rrf or weighted, got ${JSON.stringify(key.slice(0, 40))}`, {
    member: "fusion",
  });
}

/** Searches by other signals than one vector. */
export const signalSearchRoutes: readonly Route[] = [
  textRoute("/bm25_search"),
  textRoute("/text_search"),
  sparseSearch,
  hybridSearch,
];
