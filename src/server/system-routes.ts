/**
 * What does the server tell of itself?
 *
 * Banner, health, readiness, metrics, description and version. The first three are public: load balancers have no keys.
 */
import { Type } from "typebox";
import { type Route, route } from "./route.js";

const protocolVersion = 1;

const banner = route({
  method: "GET",
  path: "/",
  tag: "system",
  summary: "Banner",
  access: "public",
  response: Type.Object({ status: Type.Literal("success"), message: Type.String() }),
  example: { response: { status: "success", message: "LynseDB HTTP API" } },
  handler: () => ({ status: "success", message: "LynseDB HTTP API" }),
});

const health = route({
  method: "GET",
  path: "/healthz",
  tag: "system",
  summary: "Is the process alive?",
  access: "public",
  response: Type.Object({ status: Type.Literal("ok") }),
  example: { response: { status: "ok" } },
  handler: () => ({ status: "ok" }),
});

const readiness = route({
  method: "GET",
  path: "/readyz",
  tag: "system",
  summary: "Can requests be answered? 503 where they cannot",
  access: "public",
  response: Type.Object({
    status: Type.Union([Type.Literal("ready"), Type.Literal("not_ready")]),
    root_path: Type.String(),
  }),
  example: { response: { status: "ready", root_path: "/data" } },
  handler: async ({ server, reply }) => {
    const isReady = await server.client.listDatabases().then(
      () => true,
      () => false,
    );
    if (!isReady) reply.status(503);
    return { status: isReady ? "ready" : "not_ready", root_path: server.rootPath };
  },
});

const metrics = route({
  method: "GET",
  path: "/metrics",
  tag: "system",
  summary: "Metrics in Prometheus' text format",
  access: "read",
  response: "text",
  handler: async ({ server, reply }) => {
    reply.header("content-type", "text/plain; version=0.0.4; charset=utf-8");
    return server.metricsText();
  },
});

const openApi = route({
  method: "GET",
  path: "/openapi.json",
  tag: "system",
  summary: "This description",
  access: "read",
  response: Type.Object({
    openapi: Type.String(),
    info: Type.Object({ title: Type.String(), version: Type.String() }),
    paths: Type.Record(Type.String(), Type.Unknown()),
  }),
  example: { response: { openapi: "3.1.0", info: { title: "LynseDB HTTP API", version: "0.1.0" }, paths: {} } },
  handler: ({ server }) => server.openApi(),
});

const version = route({
  method: "GET",
  path: "/version",
  tag: "system",
  summary: "Version of the server and of the protocol, and what one request may ask for",
  access: "read",
  response: Type.Object({
    status: Type.Literal("success"),
    params: Type.Object({
      version: Type.String(),
      protocol: Type.Integer(),
      read_only: Type.Boolean({ description: "true where the server, or the request's key, may not write" }),
      limits: Type.Record(Type.String(), Type.Integer(), { description: "0: no limit" }),
    }),
  }),
  example: {
    response: {
      status: "success",
      params: {
        version: "0.1.0",
        protocol: protocolVersion,
        read_only: false,
        limits: { max_top_k: 10_000, max_batch_vectors: 100_000, json_limit_bytes: 268_435_456 },
      },
    },
  },
  handler: ({ server, key }) => ({
    status: "success",
    params: {
      version: server.version,
      protocol: protocolVersion,
      read_only: server.client.isReadOnly || key.isReadOnly,
      limits: {
        max_top_k: server.limits.maxTopK,
        max_batch_vectors: server.limits.maxBatchVectors,
        max_collection_vectors: server.limits.maxCollectionVectors,
        max_collection_vector_bytes: server.limits.maxCollectionVectorBytes,
        json_limit_bytes: server.limits.jsonLimitBytes,
        payload_limit_bytes: server.limits.payloadLimitBytes,
      },
    },
  }),
});

export const systemRoutes: readonly Route[] = [banner, health, readiness, metrics, openApi, version];
