/**
 * How is the server's interface described?
 *
 * As an OpenAPI 3.1 document, made from the schemas and examples that requests are checked against. What all operations
 * share, errors and keys, is added here.
 */
import swagger from "@fastify/swagger";
import type { FastifyInstance, FastifySchema } from "fastify";
import { Type } from "typebox";
import type { Route } from "./route.js";

const errorSchema = Type.Object(
  {
    error: Type.String({ description: "what happened, what was expected, what was given, what to do" }),
    code: Type.String({ description: "code of the error catalogue, in lower case" }),
    details: Type.Record(Type.String(), Type.Unknown()),
  },
  { description: "An error" },
);

const descriptions = { 400: "Bad request", 401: "Missing or wrong key", 404: "Not found", 500: "Internal error" };

export async function addOpenApi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "LynseDB HTTP API", version },
      servers: [{ url: "http://127.0.0.1:7637" }],
      components: { securitySchemes: { ApiKeyAuth: { type: "http", scheme: "bearer", bearerFormat: "API key" } } },
    },
    transform: ({ schema, url, route }) => {
      const lynseRoute = (route as { config?: { lynseRoute?: Route } }).config?.lynseRoute;
      return { schema: lynseRoute === undefined ? schema : documented(lynseRoute), url };
    },
  });
}

/** A route's schema as the document shows it. */
function documented(route: Route): FastifySchema {
  const { body, query, example, access } = route;
  const status = String(route.successStatus ?? 200);
  const responses: Record<string, unknown> = { [status]: responseOf(route) };
  const failures = access === "public" ? ["500"] : Object.keys(descriptions);
  for (const code of failures) {
    const description = descriptions[Number(code) as keyof typeof descriptions];
    responses[code] = { description, content: { "application/json": { schema: errorSchema } } };
  }
  const schema: Record<string, unknown> = {
    tags: [route.tag],
    summary: route.summary,
    operationId: `${route.method.toLowerCase()}${route.path.replace(/[^A-Za-z0-9]+/g, "_").replace(/_$/, "")}`,
    security: access === "public" ? [] : [{ ApiKeyAuth: [] }],
    response: responses,
  };
  if (query !== undefined) schema["querystring"] = shown(query);
  if (body === "bytes") {
    schema["body"] = { content: { "application/octet-stream": { schema: { type: "string", format: "binary" } } } };
  } else if (body !== undefined) {
    schema["body"] = { content: { "application/json": { schema: withExample(body, example?.body) } } };
  }
  return schema as FastifySchema;
}

function responseOf({ response, example, summary }: Route): unknown {
  if (typeof response !== "string") {
    const schema = withExample(response, example?.response);
    return { description: summary, content: { "application/json": { schema } } };
  }
  const types = { binary: "application/octet-stream", ndjson: "application/x-ndjson", text: "text/plain" };
  const schema = response === "binary" ? { type: "string", format: "binary" } : { type: "string" };
  return { description: summary, content: { [types[response as keyof typeof types]]: { schema } } };
}

/** JSON Schema 2020-12, which OpenAPI 3.1 uses, has a list of examples. */
function withExample(schema: object, example: unknown): object {
  const whole = shown(schema) as object;
  return example === undefined ? whole : { ...whole, examples: [example] };
}

/** A schema as a reader should see it: elements of lists that are checked elsewhere stand under `x-items`. */
function shown(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(shown);
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [name === "x-items" ? "items" : name, shown(value)]),
  );
}
