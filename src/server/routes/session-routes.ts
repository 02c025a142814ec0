/**
 * How are many writes made one transaction over HTTP?
 *
 * A session gathers writes, invisible to everybody, and commits all of them or none. It belongs to the key that began it,
 * and is undone when nobody writes to it for a while.
 */
import { Type } from "typebox";
import { type Route, route } from "../route.js";
import type { SessionPlace, Staging } from "../staging/staging.js";
import { openCollection, placeOf } from "./open-collection.js";
import { examplePlace, place, success, text } from "./schemas.js";

const tag = "sessions";
const exampleId = "q1Zt0nC0T1m3sAreGood22";

const begin = route({
  method: "POST",
  path: "/session/begin",
  tag,
  summary: "Begin a session of a collection; writes name it by `session_id`.",
  access: "write",
  body: Type.Object(place),
  response: success({ ...place, session_id: Type.String() }),
  example: {
    body: examplePlace,
    response: { status: "success", params: { ...examplePlace, session_id: exampleId } },
  },
  async handler({ body, server, key }) {
    const session_id = await server.staging.begin(await openCollection(server, body), key.name);
    return { status: "success", params: { ...placeOf(body), session_id } };
  },
});

function endRoute(
  path: string,
  summary: string,
  end: (staging: Staging, id: string, owner: string) => Promise<SessionPlace>,
): Route {
  return route({
    ...{ method: "POST", path, tag, summary, access: "write" },
    body: Type.Object({ session_id: text("The session.") }),
    response: success({ ...place, session_id: Type.String() }),
    example: {
      body: { session_id: exampleId },
      response: { status: "success", params: { ...examplePlace, session_id: exampleId } },
    },
    async handler({ body, server, key }) {
      const { session_id } = body;
      const { databaseName, collectionName } = await end(server.staging, session_id, key.name);
      const params = { database_name: databaseName, collection_name: collectionName, session_id };
      return { status: "success", params };
    },
  });
}

/** Sessions. */
export const sessionRoutes: readonly Route[] = [
  begin,
  endRoute(
    "/session/commit",
    "Commit a session: all of its writes, atomically; again, the first answer.",
    (staging, id, owner) => staging.commit(id, owner),
  ),
  endRoute("/session/abort", "Discard a session with all of its writes.", (staging, id, owner) =>
    staging.abort(id, owner),
  ),
];
