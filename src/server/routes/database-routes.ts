/**
 * How are databases made, listed and dropped over HTTP?
 */
import { Type } from "typebox";
import { type Route, route } from "../route.js";
import { database, exampleDatabase, flag, optional, success } from "./schemas.js";

const tag = "databases";
const answer = success(database);
const exampleAnswer = { status: "success", params: exampleDatabase };

const createDatabase = route({
  method: "POST",
  path: "/create_database",
  tag,
  summary: "Create a database where it is missing.",
  access: "write",
  body: Type.Object({ ...database, drop_if_exists: optional(flag("Drop an existing one first. Default false.")) }),
  response: answer,
  example: { body: { ...exampleDatabase, drop_if_exists: false }, response: exampleAnswer },
  async handler({ body, server }) {
    const name = body.database_name.trim();
    await server.client.createDatabase(name, { dropIfExists: body.drop_if_exists ?? false });
    return { status: "success", params: { database_name: name } };
  },
});

function dropRoute(path: string): Route {
  return route({
    method: "POST",
    path,
    tag,
    summary: "Remove a database with all its collections; succeeds also where it is missing.",
    access: "write",
    body: Type.Object(database),
    response: answer,
    example: { body: exampleDatabase, response: exampleAnswer },
    async handler({ body, server }) {
      const name = body.database_name.trim();
      await server.client.dropDatabase(name);
      return { status: "success", params: { database_name: name } };
    },
  });
}

const databaseExists = route({
  method: "POST",
  path: "/database_exists",
  tag,
  summary: "Tell whether there is a database of that name.",
  access: "read",
  body: Type.Object(database),
  response: success({ ...database, exists: Type.Boolean() }),
  example: { body: exampleDatabase, response: { status: "success", params: { ...exampleDatabase, exists: true } } },
  async handler({ body, server }) {
    const name = body.database_name.trim();
    const exists = await server.client.hasDatabase(name);
    return { status: "success", params: { database_name: name, exists } };
  },
});

const listDatabases = route({
  method: "GET",
  path: "/list_databases",
  tag,
  summary: "Names of the databases, sorted.",
  access: "read",
  response: success({ databases: Type.Array(Type.String()) }),
  example: { response: { status: "success", params: { databases: ["app"] } } },
  async handler({ server }) {
    return { status: "success", params: { databases: await server.client.listDatabases() } };
  },
});

/** Databases. */
export const databaseRoutes: readonly Route[] = [
  createDatabase,
  dropRoute("/drop_database"),
  dropRoute("/delete_database"),
  databaseExists,
  listDatabases,
];
