/**
 * Which routes speak in bytes or streams?
 */
import type { Route } from "../route.js";
import { binaryHeadRoutes } from "./binary-head-routes.js";
import { binarySearchRoutes } from "./binary-search-routes.js";
import { blobRoutes } from "./blob-routes.js";
import { recordRoutes } from "./record-routes.js";
import { scanRoutes } from "./scan-routes.js";

export const binaryRoutes: readonly Route[] = [
  ...recordRoutes,
  ...binarySearchRoutes,
  ...binaryHeadRoutes,
  ...scanRoutes,
  ...blobRoutes,
];
