/**
 * Which routes does a server have?
 *
 * Everything that is served, documented and tested is in this list.
 */
import { binaryRoutes } from "./binary/binary-routes.js";
import type { Route } from "./route.js";
import { jsonRoutes } from "./routes/json-routes.js";
import { systemRoutes } from "./system-routes.js";

export const allRoutes: readonly Route[] = [...systemRoutes, ...jsonRoutes, ...binaryRoutes];
