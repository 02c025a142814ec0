/**
 * What is a write, as it is sent?
 *
 * A record that can be sent again: to another session, after the first one was lost. Bodies are made when the caller's
 * values are read, so that a later change to those changes nothing.
 */
import type { QueryMembers, RemoteTransport, RequestOptions } from "./remote-transport.js";

/** Names of the collection, as every request says them. */
export interface Place {
  readonly database_name: string;
  readonly collection_name: string;
}

export interface WriteRequest {
  readonly path: string;
  /** Members of the query string of a body of bytes. */
  readonly query?: QueryMembers;
  readonly body: Readonly<Record<string, unknown>> | Uint8Array<ArrayBuffer>;
  /** The requests that have the same effect in another session, by the answer; absent: the request itself. */
  readonly again?: (params: Readonly<Record<string, unknown>>) => readonly WriteRequest[];
}

/** Sends a write; committed when it is answered, unless a session is named. */
export function sendWrite(
  transport: RemoteTransport,
  place: Place,
  { path, query, body }: WriteRequest,
  sessionId: string | null,
  signal?: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const options: RequestOptions = { kind: "write", signal };
  const session = sessionId === null ? {} : { session_id: sessionId };
  if (body instanceof Uint8Array) {
    return transport.postBytes(path, { ...place, ...query, ...session }, body, options);
  }
  return transport.post(path, { ...place, ...body, ...session }, options);
}
