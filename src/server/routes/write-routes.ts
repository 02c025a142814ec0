/**
 * How are rows written over HTTP?
 *
 * A write is committed when it is answered; one with a `session_id` is staged, and committed with its session.
 */
import { Type } from "typebox";
import { LynseError } from "../../errors.js";
import type { Id } from "../../types.js";
import { checkRoom } from "../binary/request-collection.js";
import { type Route, route } from "../route.js";
import type { ServerLimits } from "../server-state.js";
import { checkReplacedRows } from "./check-request.js";
import { definedMembers } from "./defined-members.js";
import { embeddedRows, embedderBody } from "./named-embedder.js";
import { openCollection, placeOf } from "./open-collection.js";
import { type CountedMatrix, requiredVectors, type VectorsBody } from "./read-vectors.js";
import { examplePlace, fields, ids, idsAnswer, manyVectors, optional, place, session, success } from "./schemas.js";

const tag = "writes";
const exampleRows = {
  ids: [1001],
  vectors: [[0.1, 0.2, 0.3, 0.4]],
  fields: [{ title: "intro", lang: "en" }],
};

interface RowsBody extends VectorsBody {
  readonly ids?: readonly Id[];
  readonly fields?: readonly (object | null)[];
}

/** Refuses what doesn't go together, in LynseDB's words. */
function checkRows({ ids, fields }: RowsBody, count: number): void {
  const refuse = (message: string, member: string): never => {
    throw new LynseError("INVALID_ARGUMENT", `Invalid argument: ${message}`, { member });
  };
  if (ids !== undefined && ids.length === 0) refuse("ids cannot be empty", "ids");
  if (count === 0) refuse("vectors cannot be empty", "vectors");
  if (ids !== undefined && ids.length !== count) {
    refuse(`ids length must match vectors length: ${ids.length} ids, ${count} vectors`, "ids");
  }
  if (fields !== undefined && fields.length !== count) {
    refuse(`fields length must match vectors length: ${fields.length} fields, ${count} vectors`, "fields");
  }
}

async function checkedVectors(body: RowsBody, limits: ServerLimits): Promise<CountedMatrix> {
  if (body.ids?.length === 0) checkRows(body, 0);
  const vectors = await requiredVectors(body, limits);
  checkRows(body, vectors.count);
  return vectors;
}

const add = route({
  method: "POST",
  path: "/add",
  tag,
  summary: "Add rows, all or none of them; an id that exists is refused.",
  access: "write",
  body: Type.Object({
    ...place,
    ids: optional(ids),
    ...manyVectors,
    fields: optional(fields),
    embedder: optional(embedderBody),
    ...session,
  }),
  response: success({ ...place, ids: idsAnswer }),
  example: {
    body: { ...examplePlace, ...exampleRows },
    response: { status: "success", params: { ...examplePlace, ids: [1001] } },
  },
  async handler({ body, server, key }) {
    const vectors = await checkedVectors(body, server.limits);
    const { matrix, count, dim } = vectors;
    const { embedder } = body;
    const collection = await openCollection(server, body);
    await checkRoom(collection, count, dim, server.limits);
    const rows = embedder === undefined ? { vectors: matrix } : embeddedRows(embedder, vectors, body.fields);
    const options = { ...rows, ...definedMembers({ ids: body.ids, fields: body.fields }) };
    const stored = await server.staging.write(collection, body.session_id, key.name, (writer) => writer.add(options));
    return { status: "success", params: { ...placeOf(body), ids: stored } };
  },
});

const upsert = route({
  method: "POST",
  path: "/upsert",
  tag,
  summary: "Insert or replace rows; without metadata, those that are there keep theirs.",
  access: "write",
  body: Type.Object({ ...place, ids, ...manyVectors, fields: optional(fields), ...session }),
  response: success({ ...place, ids: idsAnswer }),
  example: {
    body: { ...examplePlace, ...exampleRows },
    response: { status: "success", params: { ...examplePlace, ids: [1001] } },
  },
  async handler({ body, server, key }) {
    const { matrix, dim } = await checkedVectors(body, server.limits);
    const collection = await openCollection(server, body);
    await checkReplacedRows(collection, body.ids, dim, server.limits);
    // A row keeps its metadata where the client's entry is undefined; null would replace it by none.
    const fields = body.fields?.map((entry) => entry ?? undefined);
    const options = { ids: body.ids, vectors: matrix, ...definedMembers({ fields }) };
    const stored = await server.staging.write(collection, body.session_id, key.name, (writer) =>
      writer.upsert(options),
    );
    return { status: "success", params: { ...placeOf(body), ids: stored } };
  },
});

/** Writes of rows. */
export const writeRoutes: readonly Route[] = [add, upsert];
