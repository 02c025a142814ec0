/**
 * How are blobs written and read?
 *
 * Raw bytes, with the key in the query string; the other answers are JSON without the names, as LynseDB's. A blob that is
 * not there is 204, and no error. A write is durable when it is answered, and never part of a session.
 */
import { Type } from "typebox";
import { type Route, route } from "../route.js";
import { definedMembers } from "../routes/defined-members.js";
import { openCollection, placeOf } from "../routes/open-collection.js";
import { count, examplePlace, optional, place, success, text } from "../routes/schemas.js";

const tag = "blobs";
const key = text("Key of the blob: 1 to 1024 bytes in UTF-8.");
const exampleKey = { ...examplePlace, key: "covers/1001.png" };

const writeBlob = route({
  method: "POST",
  path: "/write_blob",
  tag,
  summary: "Keep bytes under a key, in place of those that it has; the body is the bytes.",
  access: "write",
  body: "bytes",
  query: Type.Object({ ...place, key }),
  response: success({ written: Type.Boolean() }),
  example: { query: exampleKey, response: { status: "success", params: { written: true } } },
  async handler({ bytes, query, server }) {
    await (await openCollection(server, query)).writeBlob(query.key, bytes);
    return { status: "success", params: { written: true } };
  },
});

const readBlob = route({
  method: "GET",
  path: "/read_blob",
  tag,
  summary: "The bytes of a key, or a part of them; 204 where it has none.",
  access: "read",
  query: Type.Object({
    ...place,
    key,
    offset: optional(count("First byte. Default 0.")),
    length: optional(count("Number of bytes; fewer come where the blob ends before. Default: to the end.")),
  }),
  response: "binary",
  example: { query: { ...exampleKey, offset: 0, length: 1024 } },
  async handler({ query, server, reply }) {
    const range = definedMembers({ offset: query.offset, length: query.length });
    const found = await (await openCollection(server, query)).readBlobRange(query.key, range);
    if (found === null) reply.status(204);
    return found;
  },
});

const deleteBlob = route({
  method: "POST",
  path: "/delete_blob",
  tag,
  summary: "Remove the bytes of a key.",
  access: "write",
  body: Type.Object({ ...place, key }),
  response: success({ deleted: Type.Boolean({ description: "False where it had none." }) }),
  example: { body: exampleKey, response: { status: "success", params: { deleted: true } } },
  async handler({ body, server }) {
    const deleted = await (await openCollection(server, body)).deleteBlob(body.key);
    return { status: "success", params: { deleted } };
  },
});

const listBlobs = route({
  method: "POST",
  path: "/list_blobs",
  tag,
  summary: "Keys and sizes of the blobs, sorted by key.",
  access: "read",
  body: Type.Object({ ...place, prefix: optional(text("Only keys that begin with this. Default: all.")) }),
  response: success({
    ...place,
    blobs: Type.Array(Type.Object({ key: Type.String(), bytes: Type.Integer() })),
  }),
  example: {
    body: { ...examplePlace, prefix: "covers/" },
    response: { status: "success", params: { ...examplePlace, blobs: [{ key: exampleKey.key, bytes: 48_211 }] } },
  },
  async handler({ body, server }) {
    const blobs = await (await openCollection(server, body)).listBlobs(definedMembers({ prefix: body.prefix }));
    return { status: "success", params: { ...placeOf(body), blobs } };
  },
});

/** Blobs. */
export const blobRoutes: readonly Route[] = [writeBlob, readBlob, deleteBlob, listBlobs];
