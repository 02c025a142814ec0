/**
 * How are rows deleted and brought back over HTTP?
 *
 * By LynseDB's names and by those of its versions 0.2 and 0.3, which do the same.
 */
import { Type } from "typebox";
import type { Selection } from "../../client/collection.js";
import { LynseError } from "../../errors.js";
import type { Id, WhereParams } from "../../types.js";
import { type Route, route } from "../route.js";
import { checkBatch } from "./check-request.js";
import { openCollection, placeOf } from "./open-collection.js";
import { examplePlace, ids, optional, place, session, success, where } from "./schemas.js";

function deleteRoute(path: string, tag: string): Route {
  return route({
    method: "POST",
    path,
    tag,
    summary: "Soft-delete rows by ids or by a filter; unknown ids are ignored.",
    access: "write",
    body: Type.Object({ ...place, ids: optional(ids), ...where, ...session }),
    response: success({ ...place, status: Type.Literal("ok"), deleted: Type.Integer() }),
    example: {
      body: { ...examplePlace, ids: [1001] },
      response: { status: "success", params: { ...examplePlace, status: "ok", deleted: 1 } },
    },
    async handler({ body, server, key }) {
      const selection = selectionOf(path, body);
      checkBatch("ids", body.ids?.length ?? 0, server.limits);
      const collection = await openCollection(server, body);
      const deleted = await server.staging.write(collection, body.session_id, key.name, (writer) =>
        writer.delete(selection),
      );
      return { status: "success", params: { ...placeOf(body), status: "ok", deleted } };
    },
  });
}

interface SelectionBody {
  readonly ids?: readonly Id[];
  readonly where?: string;
  readonly params?: Record<string, unknown>;
}

function selectionOf(path: string, { ids, where, params }: SelectionBody): Selection {
  if (ids !== undefined && where === undefined) return ids;
  if (ids === undefined && where !== undefined) {
    // The client checks the values.
    return params === undefined ? { where } : { where, params: params as WhereParams };
  }
  const given = ids === undefined ? "neither" : "both";
  throw new LynseError("INVALID_ARGUMENT", `${path} takes ids or where, got ${given}`, { member: "ids" });
}

function restoreRoute(path: string, tag: string): Route {
  return route({
    method: "POST",
    path,
    tag,
    summary: "Bring soft-deleted rows back; other ids are ignored.",
    access: "write",
    body: Type.Object({ ...place, ids }),
    response: success({ ...place, status: Type.Literal("ok"), restored: Type.Integer() }),
    example: {
      body: { ...examplePlace, ids: [1001] },
      response: { status: "success", params: { ...examplePlace, status: "ok", restored: 1 } },
    },
    async handler({ body, server }) {
      checkBatch("ids", body.ids.length, server.limits);
      const restored = await (await openCollection(server, body)).restore(body.ids);
      return { status: "success", params: { ...placeOf(body), status: "ok", restored } };
    },
  });
}

/** Deletions. */
export const deletionRoutes: readonly Route[] = [
  deleteRoute("/delete", "writes"),
  restoreRoute("/restore", "writes"),
  deleteRoute("/delete_items", "legacy"),
  restoreRoute("/restore_items", "legacy"),
];
