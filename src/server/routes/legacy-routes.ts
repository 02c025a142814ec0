/**
 * How do clients of versions 0.2 and 0.3 write?
 *
 * Item by item, in lists of items, with integer ids. A row without an id gets one after the largest there is.
 */
import { Type } from "typebox";
import type { Collection } from "../../client/collection.js";
import { LynseError } from "../../errors.js";
import type { Id } from "../../types.js";
import { checkRoom } from "../binary/request-collection.js";
import { type Route, route } from "../route.js";
import type { ServerLimits } from "../server-state.js";
import { checkBatch, checkReplacedRows } from "./check-request.js";
import { openCollection, placeOf } from "./open-collection.js";
import { requiredVectors } from "./read-vectors.js";
import { examplePlace, field, id, idsAnswer, listOf, optional, place, session, success, vector } from "./schemas.js";

const tag = "legacy";

const item = Type.Object(
  { vector, id: optional(id), field: optional(field) },
  { description: "A row: a vector, an id, metadata." },
);
const items = listOf(item, "Rows.");
const exampleItem = { vector: [0.1, 0.2, 0.3, 0.4], id: 1001, field: { title: "intro", lang: "en" } };

/** The columns of a list of items. */
interface Columns {
  readonly vectors: readonly (readonly number[])[];
  readonly ids: readonly (Id | undefined)[];
  readonly fields: readonly (object | undefined)[];
}

/** Items as columns, checked to be items; null members count as absent. */
function columnsOf(items: readonly unknown[], limits: ServerLimits): Columns {
  checkBatch("items", items.length, limits);
  const vectors: (readonly number[])[] = [];
  const ids: (Id | undefined)[] = [];
  const fields: (object | undefined)[] = [];
  for (let at = 0; at < items.length; at += 1) {
    const entry = items[at];
    if (typeof entry !== "object" || entry === null || Array.isArray(entry)) {
      throw new LynseError("INVALID_ARGUMENT", `items[${at}] must be an object with a vector`, { row: at });
    }
    const { vector, id, field } = entry as { vector?: readonly number[]; id?: Id | null; field?: object | null };
    if (!Array.isArray(vector)) {
      throw new LynseError("INVALID_ARGUMENT", `items[${at}].vector must be a list of numbers`, { row: at });
    }
    vectors.push(vector);
    ids.push(id ?? undefined);
    fields.push(field ?? undefined);
  }
  if (vectors.length > 0) return { vectors, ids, fields };
  throw new LynseError("INVALID_ARGUMENT", "Invalid argument: items cannot be empty", { member: "items" });
}

/** Ids of all rows: those that were given, and numbers after the largest for the others. */
async function completeIds(collection: Collection, ids: readonly (Id | undefined)[]): Promise<readonly Id[]> {
  if (!ids.includes(undefined)) return ids as readonly Id[];
  let next = await collection.maxId();
  for (const id of ids) if (typeof id === "number") next = Math.max(next, id);
  return ids.map((id) => id ?? (next += 1));
}

const addItem = route({
  method: "POST",
  path: "/add_item",
  tag,
  summary: "Add a row.",
  access: "write",
  body: Type.Object({ ...place, item, ...session }),
  response: success({ ...place, item: Type.Object({ id }) }),
  example: {
    body: { ...examplePlace, item: exampleItem },
    response: { status: "success", params: { ...examplePlace, item: { id: 1001 } } },
  },
  async handler({ body, server, key }) {
    const { matrix, count, dim } = await requiredVectors({ vectors: [body.item.vector] }, server.limits);
    const { id, field } = body.item;
    const collection = await openCollection(server, body);
    await checkRoom(collection, count, dim, server.limits);
    const row = { vectors: matrix, fields: [field], ...(id === undefined ? {} : { ids: [id] }) };
    const [stored] = await server.staging.write(collection, body.session_id, key.name, (writer) => writer.add(row));
    return { status: "success", params: { ...placeOf(body), item: { id: stored } } };
  },
});

const bulkAddItems = route({
  method: "POST",
  path: "/bulk_add_items",
  tag,
  summary: "Add rows, all or none of them.",
  access: "write",
  body: Type.Object({ ...place, items, ...session }),
  response: success({ ...place, ids: idsAnswer }),
  example: {
    body: { ...examplePlace, items: [exampleItem] },
    response: { status: "success", params: { ...examplePlace, ids: [1001] } },
  },
  async handler({ body, server, key }) {
    const { vectors, ids, fields } = columnsOf(body.items, server.limits);
    const { matrix, count, dim } = await requiredVectors({ vectors }, server.limits);
    const collection = await openCollection(server, body);
    await checkRoom(collection, count, dim, server.limits);
    const isWithout = ids.every((id) => id === undefined);
    const given = isWithout ? {} : { ids: await completeIds(collection, ids) };
    const stored = await server.staging.write(collection, body.session_id, key.name, (writer) =>
      writer.add({ vectors: matrix, fields, ...given }),
    );
    return { status: "success", params: { ...placeOf(body), ids: stored } };
  },
});

const upsertItems = route({
  method: "POST",
  path: "/upsert_items",
  tag,
  summary: "Insert or replace rows; without metadata, those that are there keep theirs.",
  access: "write",
  body: Type.Object({ ...place, items, ...session }),
  response: success({ ...place, ids: idsAnswer }),
  example: {
    body: { ...examplePlace, items: [exampleItem] },
    response: { status: "success", params: { ...examplePlace, ids: [1001] } },
  },
  async handler({ body, server, key }) {
    const { vectors, ids, fields } = columnsOf(body.items, server.limits);
    const missing = ids.indexOf(undefined);
    if (missing >= 0) {
      throw new LynseError("INVALID_ARGUMENT", `items[${missing}].id is missing from the body`, { row: missing });
    }
    const known = ids as readonly Id[];
    const { matrix, dim } = await requiredVectors({ vectors }, server.limits);
    const collection = await openCollection(server, body);
    await checkReplacedRows(collection, known, dim, server.limits);
    const stored = await server.staging.write(collection, body.session_id, key.name, (writer) =>
      writer.upsert({ ids: known, vectors: matrix, fields }),
    );
    return { status: "success", params: { ...placeOf(body), ids: stored } };
  },
});

/** Writes of older clients. */
export const legacyRoutes: readonly Route[] = [addItem, bulkAddItems, upsertItems];
