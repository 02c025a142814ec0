/**
 * How are collections and databases copied on the server?
 *
 * Snapshots and their restores. Paths are the server's, and lie in its directory for such copies.
 */
import { type Static, type TObject, type TSchema, Type } from "typebox";
import type { CopyResult } from "../../client/collection.js";
import { confinedPath } from "../confined-path.js";
import { type Route, route } from "../route.js";
import type { ServerState } from "../server-state.js";
import { count, database, exampleDatabase, examplePlace, flag, optional, place, success, text } from "./schemas.js";

const tag = "snapshots";
const snapshotPath = {
  snapshot_path: text("Path within the server's directory for snapshots; relative ones lead from there."),
};
const copy = { copy: optional(flag("Copy every byte, though files could share them. Default false.")) };
const overwrite = { overwrite: optional(flag("Replace what has the name, at once. Default false.")) };
const answered = { rows: count("Live rows."), bytes: count("Bytes of the files.") };
const examplePath = { snapshot_path: "backups/docs" };
const exampleCopied = { rows: 1000, bytes: 1_254_400 };

/** What routes of copies share: a path of the server, confined, and an answer with what was copied. */
function copyRoute<M extends Readonly<Record<string, TSchema>>>(
  path: string,
  summary: string,
  access: Route["access"],
  body: { readonly members: M; readonly example: object },
  run: (
    body: Static<TObject<M>>,
    path: string,
    context: { readonly server: ServerState; readonly signal: AbortSignal },
  ) => Promise<CopyResult>,
): Route {
  const schema = Type.Object({ ...body.members, ...snapshotPath });
  return route({
    method: "POST",
    path,
    tag,
    summary,
    access,
    body: schema as TSchema,
    response: success({ ...snapshotPath, ...answered }),
    example: {
      body: { ...body.example, ...examplePath },
      response: { status: "success", params: { ...body.example, ...examplePath, ...exampleCopied } },
    },
    async handler({ body: given, server, signal }) {
      const members = given as Static<TObject<M>> & { readonly snapshot_path: string };
      const { database_name, collection_name, snapshot_path } = given as Readonly<Record<string, unknown>>;
      const confined = await confinedPath(server.snapshotDir, members.snapshot_path);
      const { rows, bytes } = await run(members, confined, { server, signal });
      const names = collection_name === undefined ? { database_name } : { database_name, collection_name };
      return { status: "success", params: { ...names, snapshot_path, rows, bytes } };
    },
  });
}

export const copyRoutes: readonly Route[] = [
  copyRoute(
    "/snapshot_collection",
    "Take a snapshot of a collection; reading and writing go on.",
    "write",
    { members: { ...place, ...copy }, example: examplePlace },
    async ({ database_name, collection_name, ...options }, path, { server, signal }) => {
      const found = await server.client.getDatabase(database_name);
      return found.snapshotCollection(collection_name, path, { copy: options.copy ?? false, signal });
    },
  ),
  copyRoute(
    "/restore_collection",
    "Make a collection of a snapshot, verified before anything is touched.",
    "write",
    { members: { ...place, ...overwrite }, example: examplePlace },
    async ({ database_name, collection_name, ...options }, path, { server, signal }) => {
      const found = await server.client.getDatabase(database_name);
      return found.restoreCollection(collection_name, path, { overwrite: options.overwrite ?? false, signal });
    },
  ),
  copyRoute(
    "/snapshot_database",
    "Take a snapshot of all collections of a database as they are at one moment.",
    "write",
    { members: { ...database, ...copy }, example: exampleDatabase },
    ({ database_name, ...options }, path, { server, signal }) =>
      server.client.snapshotDatabase(database_name, path, { copy: options.copy ?? false, signal }),
  ),
  copyRoute(
    "/restore_database",
    "Make a database of a snapshot, verified before anything is touched.",
    "write",
    { members: { ...database, ...overwrite }, example: exampleDatabase },
    ({ database_name, ...options }, path, { server, signal }) =>
      server.client.restoreDatabase(database_name, path, { overwrite: options.overwrite ?? false, signal }),
  ),
];
