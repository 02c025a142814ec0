/**
 * Which routes speak JSON?
 *
 * All of LynseDB's, those of its older versions, and ours, in the order of the documentation.
 */
import type { Route } from "../route.js";
import { collectionRoutes } from "./collection-routes.js";
import { collectionStateRoutes } from "./collection-state-routes.js";
import { copyRoutes } from "./copy-routes.js";
import { databaseRoutes } from "./database-routes.js";
import { deletionRoutes } from "./deletion-routes.js";
import { indexRoutes } from "./index-routes.js";
import { legacyRoutes } from "./legacy-routes.js";
import { queryRoutes } from "./query-routes.js";
import { searchRoutes } from "./search-routes.js";
import { sessionRoutes } from "./session-routes.js";
import { signalSearchRoutes } from "./signal-search-routes.js";
import { unsupportedRoutes } from "./unsupported-routes.js";
import { vectorFieldRoutes } from "./vector-field-routes.js";
import { writeRoutes } from "./write-routes.js";

export const jsonRoutes: readonly Route[] = [
  ...databaseRoutes,
  ...collectionRoutes,
  ...collectionStateRoutes,
  ...indexRoutes,
  ...vectorFieldRoutes,
  ...writeRoutes,
  ...deletionRoutes,
  ...sessionRoutes,
  ...searchRoutes,
  ...signalSearchRoutes,
  ...queryRoutes,
  ...copyRoutes,
  ...legacyRoutes,
  ...unsupportedRoutes,
];
