/**
 * What do clients ask for that this server doesn't have?
 *
 * The metadata of a cluster: 501 `unsupported`, so that a client can tell it from a mistake. The bodies are described, because they are LynseDB's.
 */
import { type TSchema, Type } from "typebox";
import { LynseError } from "../../errors.js";
import { type Route, route } from "../route.js";
import { count, freeObject, optional, success, text } from "./schemas.js";

const tag = "not in this version";

function refuse(what: string): never {
  throw new LynseError("UNSUPPORTED", `this version of the server has no ${what}`, { what });
}

function unsupported(
  path: string,
  what: string,
  body: Readonly<Record<string, TSchema>>,
  example: object,
  access: Route["access"] = "write",
): Route {
  return route({
    method: "POST",
    path,
    tag,
    summary: `Answers 501: this version has no ${what}.`,
    access,
    body: Type.Object(body),
    response: success({}),
    example: { body: example },
    handler: () => refuse(what),
  });
}

/** What is not there. */
export const unsupportedRoutes: readonly Route[] = [
  unsupported("/cluster_metadata/get", "cluster metadata", { key: text("Key.") }, { key: "leader" }, "read"),
  unsupported(
    "/cluster_metadata/cas",
    "cluster metadata",
    { key: text("Key."), expected_version: count("Version."), value: optional(freeObject("Value.")) },
    { key: "leader", expected_version: 0, value: {} },
  ),
];
