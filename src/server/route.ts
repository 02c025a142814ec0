/**
 * What is a route?
 *
 * A plain record: method, path, schemas and a handler. The server, the OpenAPI document and the tests are all made from
 * the list in `all-routes.ts`, so that what is documented is what is served. A handler gets what was checked against its
 * schemas and returns the answer's body; errors are thrown as `LynseError`.
 */
import type { Logger } from "pino";
import type { Static, TSchema } from "typebox";
import type { ServerState } from "./server-state.js";

/** Who asked. */
export interface RequestKey {
  /** The key's name; `anonymous` where the server has no keys. Safe to be logged. */
  readonly name: string;
  readonly isReadOnly: boolean;
}

/** What a handler may change of the answer, besides its body. */
export interface RouteReply {
  /** Status of a success; 200 where it isn't called. */
  status(code: number): void;
  header(name: string, value: string): void;
}

export interface RouteContext<Body = unknown, Query = unknown> {
  /** The JSON body, checked; null members that the schema doesn't allow count as absent. */
  readonly body: Body;
  /** The query string, checked and converted to the schema's types. */
  readonly query: Query;
  /** Body of a route with `body: "bytes"`; empty elsewhere. Its own memory, aligned to 8 bytes at offset 0. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly server: ServerState;
  readonly key: RequestKey;
  /** Aborted when the peer vanishes, the request times out or the server stops. */
  readonly signal: AbortSignal;
  readonly requestId: string;
  /** Writes the request's id with every line. */
  readonly log: Logger;
  readonly reply: RouteReply;
}

/** What a request needs: nothing, a key, or a key that may write. */
export type RouteAccess = "public" | "read" | "write";

/**
 * Shape of the answer: a JSON schema; or `"binary"` (the handler returns bytes; errors are plain text, as LynseDB's),
 * `"ndjson"` (an async iterable of lines without line ends), `"text"` (a string).
 */
export type RouteResponse = TSchema | "binary" | "ndjson" | "text";

export interface RouteExample {
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, string | number | boolean>>;
  readonly response?: unknown;
}

export interface Route {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Group in the OpenAPI document. */
  readonly tag: string;
  /** One line of documentation. */
  readonly summary: string;
  readonly access: RouteAccess;
  readonly body?: TSchema | "bytes";
  readonly query?: TSchema;
  readonly response: RouteResponse;
  /** Status of a success where it is not 200. */
  readonly successStatus?: number;
  readonly example?: RouteExample;
  handler(context: RouteContext): unknown;
}

type InputOf<S> = S extends TSchema ? Static<S> : undefined;

/** A route whose handler's types come from its schemas. */
type RouteDefinition<B, Q> = Omit<Route, "body" | "query" | "handler"> & {
  readonly body?: B;
  readonly query?: Q;
  readonly handler: (context: RouteContext<InputOf<B>, InputOf<Q>>) => unknown;
};

/** Makes a route; the handler's body and query have the types of the schemas. */
export function route<
  const B extends TSchema | "bytes" | undefined = undefined,
  const Q extends TSchema | undefined = undefined,
>(definition: RouteDefinition<B, Q>): Route {
  // The server calls the handler only with what the two schemas admitted.
  return definition as unknown as Route;
}
