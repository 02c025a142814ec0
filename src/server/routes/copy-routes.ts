/**
 * How are collections and databases copied on the server?
 *
 * Snapshots and exports, and what is made of them. Paths are the server's, and lie in its directory for such copies.
 */
import { type Static, type TObject, type TSchema, Type } from "typebox";
import type { CopyResult } from "../../client/collection.js";
import { confinedPath } from "../confined-path.js";
import { type Route, route } from "../route.js";
import type { ServerState } from "../server-state.js";
import { definedMembers } from "./defined-members.js";
import { count, database, exampleDatabase, examplePlace, flag, optional, place, success, text } from "./schemas.js";

const tag = "snapshots";
const pathText = text("Path within the server's directory for snapshots and exports; relative ones lead from there.");

/** The member that holds a path, by what is copied. */
type PathMember = "snapshot_path" | "export_path";
const blobs = { blobs: optional(flag("Export the blobs too. Default true.")) };
const copy = { copy: optional(flag("Copy every byte, though files could share them. Default false.")) };
const overwrite = { overwrite: optional(flag("Replace what has the name, at once. Default false.")) };
const answered = { rows: count("Live rows."), bytes: count("Bytes of the files.") };
const exampleCopied = { rows: 1000, bytes: 1_254_400 };

/** What routes of copies share: a path of the server, confined, and an answer with what was copied. */
function copyRoute<M extends Readonly<Record<string, TSchema>>>(
  path: string,
  summary: string,
  pathMember: PathMember,
  body: { readonly members: M; readonly example: object },
  run: (
    body: Static<TObject<M>>,
    path: string,
    context: { readonly server: ServerState; readonly signal: AbortSignal },
  ) => Promise<CopyResult>,
): Route {
  const schema = Type.Object({ ...body.members, [pathMember]: pathText });
  const example = { ...body.example, [pathMember]: pathMember === "export_path" ? "exports/docs" : "backups/docs" };
  return route({
    method: "POST",
    path,
    tag,
    summary,
    access: "write",
    body: schema as TSchema,
    response: success({ [pathMember]: pathText, ...answered }),
    example: { body: example, response: { status: "success", params: { ...example, ...exampleCopied } } },
    async handler({ body: given, server, signal }) {
      const members = given as Readonly<Record<string, unknown>>;
      const names = trimmedNames(members);
      const requested = members[pathMember] as string;
      const confined = await confinedPath(server.snapshotDir, requested);
      const { rows, bytes } = await run({ ...(given as Static<TObject<M>>), ...names }, confined, { server, signal });
      return { status: "success", params: { ...names, [pathMember]: requested, rows, bytes } };
    },
  });
}

/** The names of a body, as answers repeat them. */
function trimmedNames(members: object): Readonly<Record<string, string>> {
  const { database_name, collection_name } = members as Partial<Readonly<Record<string, string>>>;
  const names = definedMembers({ database_name: database_name?.trim(), collection_name: collection_name?.trim() });
  return names as Readonly<Record<string, string>>;
}

/** Copies. */
export const copyRoutes: readonly Route[] = [
  copyRoute(
    "/snapshot_collection",
    "Take a snapshot of a collection; reading and writing go on.",
    "snapshot_path",
    { members: { ...place, ...copy }, example: examplePlace },
    async ({ database_name, collection_name, ...options }, path, { server, signal }) => {
      const found = await server.client.getDatabase(database_name);
      return found.snapshotCollection(collection_name, path, { copy: options.copy ?? false, signal });
    },
  ),
  copyRoute(
    "/restore_collection",
    "Make a collection of a snapshot, verified before anything is touched.",
    "snapshot_path",
    { members: { ...place, ...overwrite }, example: examplePlace },
    async ({ database_name, collection_name, ...options }, path, { server, signal }) => {
      const found = await server.client.getDatabase(database_name);
      return found.restoreCollection(collection_name, path, { overwrite: options.overwrite ?? false, signal });
    },
  ),
  copyRoute(
    "/snapshot_database",
    "Take a snapshot of all collections of a database as they are at one moment.",
    "snapshot_path",
    { members: { ...database, ...copy }, example: exampleDatabase },
    ({ database_name, ...options }, path, { server, signal }) =>
      server.client.snapshotDatabase(database_name, path, { copy: options.copy ?? false, signal }),
  ),
  copyRoute(
    "/restore_database",
    "Make a database of a snapshot, verified before anything is touched.",
    "snapshot_path",
    { members: { ...database, ...overwrite }, example: exampleDatabase },
    ({ database_name, ...options }, path, { server, signal }) =>
      server.client.restoreDatabase(database_name, path, { overwrite: options.overwrite ?? false, signal }),
  ),
  copyRoute(
    "/export_collection",
    "Write a collection to files that any program can read; reading and writing go on.",
    "export_path",
    { members: { ...place, ...blobs }, example: examplePlace },
    async ({ database_name, collection_name, ...options }, path, { server, signal }) => {
      const found = await server.client.getDatabase(database_name);
      return found.exportCollection(collection_name, path, { blobs: options.blobs ?? true, signal });
    },
  ),
  copyRoute(
    "/import_collection",
    "Make a collection of an export, checked before anything is touched.",
    "export_path",
    { members: { ...place, ...overwrite }, example: examplePlace },
    async ({ database_name, collection_name, ...options }, path, { server, signal }) => {
      const found = await server.client.getDatabase(database_name);
      return found.importCollection(collection_name, path, { overwrite: options.overwrite ?? false, signal });
    },
  ),
];
