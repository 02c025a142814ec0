/**
 * How are the first and last rows read as bytes?
 *
 * The answer is a head block; integer ids only.
 */
import { Type } from "typebox";
import { encodeHeadBlock } from "../../wire/head-block.js";
import { type Route, route } from "../route.js";
import { openCollection } from "../routes/open-collection.js";
import { collectionQuery } from "./binary-schemas.js";
import { checkIntegerIds } from "./check-integer-ids.js";
import { checkServerLimit } from "./request-collection.js";

const countDefault = 5;

function headRoute(end: "head" | "tail", summary: string): Route {
  return route({
    method: "GET",
    path: `/${end}_binary`,
    tag: "binary",
    summary,
    access: "read",
    query: Type.Object({
      ...collectionQuery,
      n: Type.Optional(Type.Integer({ minimum: 0, default: countDefault, description: "Rows wanted." })),
    }),
    response: "binary",
    example: { query: { database_name: "app", collection_name: "docs", n: 5 } },
    async handler({ query, server }) {
      const { n = countDefault } = query;
      checkServerLimit("n", n, "max_top_k", server.limits.maxTopK);
      const collection = await openCollection(server, query);
      const view = await collection[end](n);
      checkIntegerIds(view.ids, `/${end}`);
      const [, dim] = await collection.shape();
      const vectors = new Float32Array(view.length * dim);
      view.vectors!.forEach((vector, row) => {
        vectors.set(vector, row * dim);
      });
      return encodeHeadBlock({ dim, vectors, ids: view.ids, fields: view.fields });
    },
  });
}

/** Rows by position as bytes. */
export const binaryHeadRoutes: readonly Route[] = [
  headRoute("head", "The first rows in order of insertion, as a head block."),
  headRoute("tail", "The last rows in order of insertion, as a head block."),
];
