/**
 * How are rows written as bytes?
 *
 * `/bulk_add_binary` takes bare vectors, the other routes record batches. A body is checked as a whole before a row
 * of it is stored; what is stored is committed, or staged where a session is named. Answers are JSON.
 */
import { Type } from "typebox";
import { LynseError } from "../../errors.js";
import { TimeSlice } from "../../time-slice.js";
import type { Id } from "../../types.js";
import { decodeRecordBatch, type IdsEncoding } from "../../wire/record-batch.js";
import { decodeVectorsInSlices, vectorEncodingOf } from "../../wire/vector-encoding.js";
import { type Route, type RouteContext, route } from "../route.js";
import { openCollection, placeOf } from "../routes/open-collection.js";
import { echo, sessionQuery, vectorQuery } from "./binary-schemas.js";
import { checkRoom, checkServerLimit, checkVectorBytes } from "./request-collection.js";

const batchQuery = {
  ...vectorQuery,
  n_vectors: Type.Integer({ minimum: 0, description: "Vectors in the body." }),
  ...sessionQuery,
};
const idSchema = Type.Union([Type.Integer(), Type.String()]);

const bulkAdd = route({
  method: "POST",
  path: "/bulk_add_binary",
  tag: "binary",
  summary: "Add vectors under consecutive integer ids; the body is row-major components.",
  access: "write",
  body: "bytes",
  query: Type.Object({
    ...batchQuery,
    return_ids: Type.Optional(Type.Boolean({ default: false, description: "Also answer the ids." })),
  }),
  response: Type.Object({
    status: Type.Literal("success"),
    params: Type.Object({ ...echo, n_vectors: Type.Integer(), ids: Type.Optional(Type.Array(Type.Integer())) }),
  }),
  example: {
    query: { database_name: "app", collection_name: "docs", dim: 4, n_vectors: 2 },
    response: { status: "success", params: { database_name: "app", collection_name: "docs", n_vectors: 2 } },
  },
  async handler({ bytes, query, server, key }) {
    const { dim, n_vectors } = query;
    const encoding = vectorEncodingOf(query.vector_encoding);
    checkServerLimit("n_vectors", n_vectors, "max_batch_vectors", server.limits.maxBatchVectors);
    checkVectorBytes(bytes.length, n_vectors, dim, encoding);
    const collection = await openCollection(server, query);
    await checkRoom(collection, n_vectors, dim, server.limits);
    const data = await decodeVectorsInSlices(bytes, encoding, new TimeSlice());
    const ids = await server.staging.write(collection, query.session_id, key.name, (writer) =>
      writer.add({ vectors: { data, dim } }),
    );
    const params = { ...placeOf(query), n_vectors };
    return { status: "success", params: query.return_ids === true ? { ...params, ids } : params };
  },
});

const recordQuery = Type.Object({
  ...batchQuery,
  ids_encoding: Type.Optional(
    Type.String({
      description: "`range` (ids from ids_start), `raw` (u64 each; default), `strings` (u32 length, UTF-8 each).",
    }),
  ),
  ids_start: Type.Optional(Type.Integer({ minimum: 0, description: "First id of a range." })),
  return_ids: Type.Optional(Type.Boolean({ default: true, description: "Also answer the ids." })),
});

type RecordContext = RouteContext<undefined, Type.Static<typeof recordQuery>>;

function recordRoute(path: string, kind: "add" | "upsert", summary: string): Route {
  return route({
    method: "POST",
    path,
    tag: "binary",
    summary,
    access: "write",
    body: "bytes",
    query: recordQuery,
    response: Type.Object({
      status: Type.Literal("success"),
      params: Type.Object({ ...echo, ids: Type.Optional(Type.Array(idSchema)) }),
    }),
    example: {
      query: {
        database_name: "app",
        collection_name: "docs",
        dim: 4,
        n_vectors: 2,
        ids_encoding: "range",
        ids_start: 0,
      },
      response: { status: "success", params: { database_name: "app", collection_name: "docs", ids: [0, 1] } },
    },
    handler: (context) => writeRecords(context as unknown as RecordContext, kind),
  });
}

async function writeRecords({ bytes, query, server, key }: RecordContext, kind: "add" | "upsert"): Promise<unknown> {
  const { dim, n_vectors } = query;
  checkServerLimit("n_vectors", n_vectors, "max_batch_vectors", server.limits.maxBatchVectors);
  const shape = {
    dim,
    count: n_vectors,
    vectorEncoding: vectorEncodingOf(query.vector_encoding),
    idsEncoding: idsEncodingOf(query.ids_encoding),
    idsStart: query.ids_start,
  };
  const collection = await openCollection(server, query);
  if (kind === "add") await checkRoom(collection, n_vectors, dim, server.limits);
  const { ids, vectors, fields } = await decodeRecordBatch(bytes, shape);
  // An upsert keeps the metadata of a row whose entry is undefined; null would replace it by none.
  const rows = fields === null ? {} : { fields: fields.map((field) => field ?? undefined) };
  const stored: Id[] = await server.staging.write(collection, query.session_id, key.name, (writer) =>
    kind === "add" ? writer.add({ ids, vectors, ...rows }) : writer.upsert({ ids, vectors, ...rows }),
  );
  const params = placeOf(query);
  return { status: "success", params: query.return_ids === false ? params : { ...params, ids: stored } };
}

function idsEncodingOf(name: string | undefined): IdsEncoding {
  if (name === undefined || name === "") return "raw";
  if (name === "range" || name === "raw" || name === "strings") return name;
  throw new LynseError(
    "INVALID_ARGUMENT",
    `unsupported ids_encoding ${JSON.stringify(name.slice(0, 40))}; expected range, raw or strings`,
    { ids_encoding: name.slice(0, 40) },
  );
}

/** Writes of rows as bytes. */
export const recordRoutes: readonly Route[] = [
  bulkAdd,
  recordRoute("/add_records_binary", "add", "Add rows; the body is a record batch."),
  recordRoute("/upsert_records_binary", "upsert", "Insert or replace rows; the body is a record batch."),
  recordRoute("/add_binary_ids", "add", "As /add_records_binary."),
  recordRoute("/upsert_binary", "upsert", "As /upsert_records_binary."),
];
