/**
 * What is a route that asks one thing of a collection?
 *
 * Its body has the two names and nothing else, and its answer repeats them.
 */
import { type TSchema, Type } from "typebox";
import type { Collection } from "../../client/collection.js";
import { type Route, type RouteContext, route } from "../route.js";
import { type CollectionName, openCollection, placeOf } from "./open-collection.js";
import { examplePlace, place, success } from "./schemas.js";

/** `params` and `example`: what the answer has beside the names, which is what `run` resolves to. */
export function collectionRoute(
  path: string,
  summary: string,
  params: Readonly<Record<string, TSchema>>,
  example: object,
  run: (collection: Collection, context: RouteContext<CollectionName>) => Promise<object> | object,
  access: Route["access"] = "read",
): Route {
  return route({
    ...{ method: "POST", path, tag: "collections", summary, access },
    body: Type.Object(place),
    response: success({ ...place, ...params }),
    example: { body: examplePlace, response: { status: "success", params: { ...examplePlace, ...example } } },
    async handler(context) {
      const collection = await openCollection(context.server, context.body);
      const found = await run(collection, context as RouteContext<CollectionName>);
      return { status: "success", params: { ...placeOf(context.body), ...found } };
    },
  });
}
