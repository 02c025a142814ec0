/**
 * Which database or collection does a body name?
 *
 * Names are trimmed, as in LynseDB. Only `/required_collection` creates: everything else answers 404 for what isn't there.
 */
import type { Collection } from "../../client/collection.js";
import type { Database } from "../../client/database.js";
import type { ServerState } from "../server-state.js";

export interface DatabaseName {
  readonly database_name: string;
}

export interface CollectionName extends DatabaseName {
  readonly collection_name: string;
}

/** The names of a request, as answers repeat them. */
export function placeOf({ database_name, collection_name }: CollectionName): CollectionName {
  return { database_name: database_name.trim(), collection_name: collection_name.trim() };
}

/** The database; `DATABASE_NOT_FOUND` where it is missing. */
export function openDatabase({ client }: ServerState, { database_name }: DatabaseName): Promise<Database> {
  return client.getDatabase(database_name.trim());
}

/** The collection; `DATABASE_NOT_FOUND` or `COLLECTION_NOT_FOUND` where there is none. */
export async function openCollection(server: ServerState, name: CollectionName): Promise<Collection> {
  const { database_name, collection_name } = placeOf(name);
  const collection = await (await openDatabase(server, name)).getCollection(collection_name);
  server.opened.add(database_name, collection_name);
  return collection;
}
