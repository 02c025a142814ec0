/**
 * How are vector fields made, listed and filled over HTTP?
 */
import { Type } from "typebox";
import { LynseError } from "../../errors.js";
import { type Route, route } from "../route.js";
import { checkBatch } from "./check-request.js";
import { openCollection, placeOf } from "./open-collection.js";
import { requiredVectors } from "./read-vectors.js";
import {
  count,
  examplePlace,
  freeObject,
  ids,
  idsAnswer,
  listOf,
  manyVectors,
  nullable,
  optional,
  place,
  session,
  sparse,
  success,
  text,
} from "./schemas.js";
import { vectorFieldEntry, vectorFieldOptions } from "./to-vector-field.js";

const tag = "vector fields";

const entry = Type.Object({
  name: Type.String(),
  dimension: Type.Integer(),
  metric: Type.String(),
  index_mode: Type.String(),
  dtypes: Type.String(),
  dim: nullable(Type.Integer()),
  dtype: Type.String(),
  index: nullable(Type.String()),
  rows: Type.Integer(),
  index_state: Type.Object({
    state: Type.String({ description: "flat, ready, building, missing or failed." }),
    parameters: nullable(freeObject("Parameters of the index.")),
    rows: Type.Integer({ description: "Rows that it covers." }),
    tail_rows: Type.Integer({ description: "Newer rows, searched exactly." }),
    progress: nullable(freeObject("Rows done, and rows in all, of the build under way.")),
    failure: nullable(Type.String()),
  }),
});
const exampleEntry = {
  ...{ name: "image", dimension: 3, metric: "cos", index_mode: "FLAT-COS", dtypes: "float32" },
  ...{ dim: 3, dtype: "float32", index: null, rows: 0 },
  index_state: { state: "flat", parameters: null, rows: 0, tail_rows: 0, progress: null, failure: null },
};

const createVectorField = route({
  method: "POST",
  path: "/create_vector_field",
  tag,
  summary: "Add a named vector field; the same again changes nothing.",
  access: "write",
  body: Type.Object({
    ...place,
    field_name: text("Name of the field."),
    dim: optional(count("Components of its vectors.", 1)),
    dimension: optional(count("The same as `dim`.", 1)),
    metric: optional(text("How similarity is measured: ip, l2, cos, …. Default: that of `index_mode`, else ip.")),
    index_mode: optional(text("Index that is built once there are rows enough. Default: none.")),
    dtypes: optional(text("How components are stored: float32 (default) or float16.")),
  }),
  response: success({ ...place, field: entry }),
  example: {
    body: { ...examplePlace, field_name: "image", dim: 3, metric: "cos" },
    response: { status: "success", params: { ...examplePlace, field: exampleEntry } },
  },
  async handler({ body, server }) {
    const collection = await openCollection(server, body);
    // Names are trimmed, as LynseDB does.
    const name = body.field_name.trim();
    await collection.createVectorField(name, vectorFieldOptions(body));
    const field = (await collection.listVectorFields()).find((info) => info.name === name);
    // Dropped by another request meanwhile, together with its collection.
    if (field === undefined) throw new LynseError("CLOSED", "the collection was dropped during the call");
    return { status: "success", params: { ...placeOf(body), field: vectorFieldEntry(field) } };
  },
});

const listVectorFields = route({
  method: "POST",
  path: "/list_vector_fields",
  tag,
  summary: "All vector fields, the default one first.",
  access: "read",
  body: Type.Object(place),
  response: success({ ...place, fields: Type.Array(entry) }),
  example: {
    body: examplePlace,
    response: { status: "success", params: { ...examplePlace, fields: [exampleEntry] } },
  },
  async handler({ body, server }) {
    const fields = await (await openCollection(server, body)).listVectorFields();
    return { status: "success", params: { ...placeOf(body), fields: fields.map(vectorFieldEntry) } };
  },
});

const addNamedVectors = route({
  method: "POST",
  path: "/add_named_vectors",
  tag,
  summary: "Hang vectors of a named field on rows; those that they have in it are replaced.",
  access: "write",
  body: Type.Object({ ...place, field_name: text("Vector field."), ...manyVectors, ids, ...session }),
  response: success({ ...place, field_name: Type.String(), ids: idsAnswer }),
  example: {
    body: { ...examplePlace, field_name: "image", vectors: [[0.1, 0.2, 0.3]], ids: [1001] },
    response: { status: "success", params: { ...examplePlace, field_name: "image", ids: [1001] } },
  },
  async handler({ body, server, key }) {
    const { field_name, ids } = body;
    const { matrix } = await requiredVectors(body, server.limits);
    const collection = await openCollection(server, body);
    await server.staging.write(collection, body.session_id, key.name, (writer) =>
      writer.addNamedVectors(field_name, matrix, ids),
    );
    return { status: "success", params: { ...placeOf(body), field_name, ids } };
  },
});

const addSparseVectors = route({
  method: "POST",
  path: "/add_sparse_vectors",
  tag,
  summary: "Hang sparse vectors on rows; an empty one takes away the one that a row has.",
  access: "write",
  body: Type.Object({ ...place, vectors: listOf(sparse, "Sparse vectors, one an id."), ids, ...session }),
  response: success({ ...place, ids: idsAnswer }),
  example: {
    body: { ...examplePlace, vectors: [{ indices: [3, 17], values: [0.5, 1.2] }], ids: [1001] },
    response: { status: "success", params: { ...examplePlace, ids: [1001] } },
  },
  async handler({ body, server, key }) {
    const { vectors, ids } = body;
    checkBatch("n_vectors", vectors.length, server.limits);
    const collection = await openCollection(server, body);
    await server.staging.write(collection, body.session_id, key.name, (writer) =>
      writer.addSparseVectors(vectors, ids),
    );
    return { status: "success", params: { ...placeOf(body), ids } };
  },
});

/** Vector fields. */
export const vectorFieldRoutes: readonly Route[] = [
  createVectorField,
  listVectorFields,
  addNamedVectors,
  addSparseVectors,
];
