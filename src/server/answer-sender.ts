/**
 * How does an answer reach the client?
 *
 * With the content type of its route, compressed where the client asked and it pays; lines are sent as they are made, as
 * fast as the client reads. Errors have the shape of their route.
 */
import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import type { FastifyReply, FastifyRequest } from "fastify";
import { chosenEncoding, compressBytesMin, compressed, jsonText } from "./answer-encoding.js";
import { type ErrorAnswer, errorBody } from "./error-answer.js";
import type { RequestState } from "./request-state.js";

const jsonType = "application/json; charset=utf-8";

/** Sends what a handler returned. */
export async function sendResult(state: RequestState, result: unknown): Promise<void> {
  const { route, answer } = state;
  const { response } = route;
  if (response === "ndjson") {
    if (!state.isAnswered) sendLines(state, result as AsyncIterable<string>);
    return;
  }
  const body = typeof response === "string" ? (result as string | Uint8Array | null) : await jsonText(result);
  const isEmpty = body === null || body === undefined;
  const encoding = !isEmpty && body.length > compressBytesMin ? encodingFor(state.request) : null;
  const payload = encoding === null ? body : await compressed(body as string | Uint8Array, encoding);
  if (state.isAnswered) return;
  state.isAnswered = true;
  answer.code(state.successStatus);
  if (!answer.hasHeader("content-type") && !isEmpty) answer.header("content-type", contentTypeOf(response));
  if (encoding !== null) answer.header("content-encoding", encoding).header("vary", "accept-encoding");
  answer.send(payload);
}

function encodingFor(request: FastifyRequest): "gzip" | "br" | null {
  return chosenEncoding(request.headers["accept-encoding"]);
}

function contentTypeOf(response: unknown): string {
  if (response === "binary") return "application/octet-stream";
  return response === "text" ? "text/plain; charset=utf-8" : jsonType;
}

function sendLines(state: RequestState, lines: AsyncIterable<string>): void {
  const { answer } = state;
  state.isAnswered = true;
  answer.code(state.successStatus).header("content-type", "application/x-ndjson");
  const stream = Readable.from(endedLines(lines), { objectMode: false });
  if (encodingFor(state.request) !== "gzip") {
    answer.send(stream);
    return;
  }
  const packed = createGzip({ level: 1 });
  // Either end takes the other with it: a client that went away ends the reading, an error the answer.
  stream.on("error", (error) => packed.destroy(error));
  packed.on("close", () => stream.destroy());
  answer.header("content-encoding", "gzip").header("vary", "accept-encoding").send(stream.pipe(packed));
}

async function* endedLines(lines: AsyncIterable<string>): AsyncGenerator<string, undefined> {
  for await (const line of lines) yield `${line}\n`;
}

/** Sends an error. Routes that answer with bytes tell it in plain text, unless the client accepts JSON by name. */
export function sendError(request: FastifyRequest, reply: FastifyReply, answer: ErrorAnswer): void {
  const { lynse: state } = request;
  if (state?.isAnswered || reply.sent) return;
  if (state !== null) {
    state.isAnswered = true;
    state.isFailure = answer.isUnexpected ?? false;
  }
  reply.code(answer.status).headers(answer.headers ?? {});
  const isText = state?.route.response === "binary" && !/\bapplication\/json\b/.test(request.headers.accept ?? "");
  if (isText) reply.header("content-type", "text/plain; charset=utf-8").send(answer.message);
  else reply.header("content-type", jsonType).send(errorBody(answer));
}
