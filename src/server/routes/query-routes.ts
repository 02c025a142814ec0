/**
 * How are rows read without a ranking over HTTP?
 *
 * By filter, by id, by position, counted. LynseDB's clients get its lists; `format: "columns"` gives columns, with what
 * else a view has.
 */
import { Type } from "typebox";
import type { QueryOptions } from "../../client/search-options.js";
import type { Id } from "../../types.js";
import { type Route, route } from "../route.js";
import { checkBatch, checkRead } from "./check-request.js";
import { definedMembers } from "./defined-members.js";
import { openCollection, placeOf } from "./open-collection.js";
import {
  columns,
  count,
  examplePlace,
  facetCountsAnswer,
  facets,
  facetsRequired,
  field,
  flag,
  format,
  grouping,
  id,
  idsAnswer,
  listOf,
  optional,
  place,
  read,
  rowsTriple,
  success,
  text,
  where,
} from "./schemas.js";
import { columnsOf, recordsOf, tripleOf } from "./to-rows.js";
import { type ReadBody, readOptions } from "./to-search-options.js";

const tag = "reads";
const countDefault = 5;
const vectorBase64 = "zczMPc3MTD6amZk+zczMPg==";
const exampleField = { title: "intro", lang: "en" };
const exampleTriple = [[[0.1, 0.2, 0.3, 0.4]], [1001], [exampleField]];

const oneOrMore = Type.Union([id, listOf(id, "Ids.")], { description: "An id, or a list of ids." });

const query = {
  ...read,
  return_ids_only: optional(flag("Leave metadata out. Default false.")),
  order_by: optional(
    Type.Union(
      [
        Type.String(),
        Type.Object({
          field: Type.String(),
          direction: optional(Type.Union([Type.Literal("asc"), Type.Literal("desc")])),
        }),
      ],
      { description: "Name of a field, ascending, or a field with its direction. Default: the order of insertion." },
    ),
  ),
  limit: optional(count("Most rows to return, or most groups with `group_by`. Default: all.")),
  cursor: optional(text("Position from an earlier answer to the same query.")),
  ...grouping,
  facets,
  ...format,
};

interface QueryBody extends ReadBody {
  readonly return_ids_only?: boolean;
  readonly order_by?: QueryOptions["orderBy"];
  readonly limit?: number;
  readonly cursor?: string;
  readonly group_by?: string;
  readonly group_size?: number;
  readonly facets?: readonly string[] | Record<string, unknown>;
}

/** With neither a filter nor a limit, all rows, as LynseDB's server answers. */
function queryOptions(body: QueryBody, signal: AbortSignal): QueryOptions {
  const { where, filter_ids, limit } = body;
  const isOpen = where === undefined && filter_ids === undefined && limit === undefined;
  const own = definedMembers({
    returnIdsOnly: body.return_ids_only,
    orderBy: body.order_by,
    limit: isOpen ? Number.MAX_SAFE_INTEGER - 1 : limit,
    cursor: body.cursor,
    groupBy: body.group_by,
    groupSize: body.group_size,
    facets: body.facets as QueryOptions["facets"] | undefined,
  });
  return { ...own, ...readOptions(body, signal) };
}

const queryRows = route({
  method: "POST",
  path: "/query",
  tag,
  summary: "Rows by filter or ids; with neither, all rows.",
  access: "read",
  body: Type.Object({ ...place, ...query }),
  response: success({
    ...place,
    result: Type.Union([idsAnswer, Type.Array(field), columns], {
      description: "Ids with `return_ids_only`, else records: metadata and `id`. Or columns.",
    }),
  }),
  example: {
    body: { ...examplePlace, where: "lang = 'en'" },
    response: { status: "success", params: { ...examplePlace, result: [{ ...exampleField, id: 1001 }] } },
  },
  async handler({ body, server, signal }) {
    checkRead(body, server.limits);
    const view = await (await openCollection(server, body)).query(queryOptions(body, signal));
    const isList = body.return_ids_only === true;
    const result = body.format === "columns" ? await columnsOf(view) : isList ? view.ids : await recordsOf(view);
    return { status: "success", params: { ...placeOf(body), result } };
  },
});

const queryVectors = route({
  method: "POST",
  path: "/query_vectors",
  tag,
  summary: "Rows by filter or ids, with their vectors; with neither, all rows.",
  access: "read",
  body: Type.Object({ ...place, ...query }),
  response: success({ ...place, result: Type.Union([rowsTriple, columns]) }),
  example: {
    body: { ...examplePlace, filter_ids: [1001] },
    response: { status: "success", params: { ...examplePlace, result: exampleTriple } },
  },
  async handler({ body, server, signal }) {
    checkRead(body, server.limits);
    const view = await (await openCollection(server, body)).queryVectors(queryOptions(body, signal));
    const result = body.format === "columns" ? await columnsOf(view) : await tripleOf(view);
    return { status: "success", params: { ...placeOf(body), result } };
  },
});

const getRows = route({
  method: "POST",
  path: "/get",
  tag,
  summary: "Rows by id, in the order asked for, with their vectors; 404 names the first that is missing.",
  access: "read",
  body: Type.Object({ ...place, ids: oneOrMore }),
  response: success({ ...place, item: columns }),
  example: {
    body: { ...examplePlace, ids: [1001] },
    response: {
      status: "success",
      params: {
        ...examplePlace,
        item: {
          ...{ ids: [1001], fields: [exampleField], vectors_b64: vectorBase64, dim: 4 },
          ...{ index: "HNSW-COS", metric: "cos" },
        },
      },
    },
  },
  async handler({ body, server }) {
    checkIds(body.ids, server.limits);
    const view = await (await openCollection(server, body)).get(body.ids);
    return { status: "success", params: { ...placeOf(body), item: await columnsOf(view) } };
  },
});

const readByOnlyId = route({
  method: "POST",
  path: "/read_by_only_id",
  tag,
  summary: "Rows by id, as `[vectors, ids, fields]`.",
  access: "read",
  body: Type.Object({ ...place, id: oneOrMore }),
  response: success({ ...place, item: rowsTriple }),
  example: {
    body: { ...examplePlace, id: 1001 },
    response: { status: "success", params: { ...examplePlace, item: exampleTriple } },
  },
  async handler({ body, server }) {
    checkIds(body.id, server.limits);
    const view = await (await openCollection(server, body)).get(body.id);
    return { status: "success", params: { ...placeOf(body), item: await tripleOf(view) } };
  },
});

function checkIds(ids: Id | readonly Id[], limits: Parameters<typeof checkBatch>[2]): void {
  checkBatch("ids", Array.isArray(ids) ? ids.length : 1, limits);
}

function endRoute(end: "head" | "tail", summary: string): Route {
  return route({
    ...{ method: "POST", path: `/${end}`, tag, summary, access: "read" },
    body: Type.Object({ ...place, n: optional(count("Rows wanted. Default 5.")), ...format }),
    response: success({ ...place, [end]: Type.Union([rowsTriple, columns]) }),
    example: {
      body: { ...examplePlace, n: 1 },
      response: { status: "success", params: { ...examplePlace, [end]: exampleTriple } },
    },
    async handler({ body, server }) {
      checkRead(body, server.limits);
      const view = await (await openCollection(server, body))[end](body.n ?? countDefault);
      const rows = body.format === "columns" ? await columnsOf(view) : await tripleOf(view);
      return { status: "success", params: { ...placeOf(body), [end]: rows } };
    },
  });
}

const countRows = route({
  method: "POST",
  path: "/count",
  tag,
  summary: "Number of live rows, of those that match where a filter is given.",
  access: "read",
  body: Type.Object({ ...place, ...where }),
  response: success({ ...place, count: Type.Integer() }),
  example: {
    body: { ...examplePlace, where: "lang = 'en'" },
    response: { status: "success", params: { ...examplePlace, count: 400 } },
  },
  async handler({ body, server }) {
    const count = await (await openCollection(server, body)).count(readOptions(body));
    return { status: "success", params: { ...placeOf(body), count } };
  },
});

const facetRows = route({
  method: "POST",
  path: "/facets",
  tag,
  summary: "How many live rows that match have each value of some fields.",
  access: "read",
  body: Type.Object({ ...place, facets: facetsRequired, ...where }),
  response: success({ ...place, facets: facetCountsAnswer }),
  example: {
    body: { ...examplePlace, facets: ["lang"] },
    response: {
      status: "success",
      params: { ...examplePlace, facets: { lang: [{ value: "en", count: 400 }] } },
    },
  },
  async handler({ body, server }) {
    checkRead(body, server.limits);
    const collection = await openCollection(server, body);
    const counts = await collection.facets(body.facets as readonly string[], readOptions(body));
    return { status: "success", params: { ...placeOf(body), facets: counts } };
  },
});

/** Reads without a ranking. */
export const queryRoutes: readonly Route[] = [
  queryRows,
  queryVectors,
  getRows,
  readByOnlyId,
  endRoute("head", "The first rows in order of insertion, with vectors."),
  endRoute("tail", "The last rows in order of insertion, with vectors."),
  countRows,
  facetRows,
];
