/**
 * How is a request's body received?
 *
 * In pieces as they arrive, within the route's limit and within a bound on what all requests together hold; joined in
 * slices, into memory of its own. A body that ends early, is too long or lies about its length is refused.
 */
import type { IncomingMessage } from "node:http";
import { LynseError } from "../errors.js";
import { TimeSlice } from "../time-slice.js";

/** A limit on a body, and what it is called in messages. */
export interface BodyLimit {
  readonly name: "json_limit_mb" | "payload_limit_mb";
  readonly bytesMax: number;
}

/** Bytes that are joined without a look at the clock. */
const copyBytesMax = 4 * 1024 * 1024;

/** Bytes of bodies that are being received, of all requests. */
export class BodyBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  take(bytes: number): void {
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }

  isOver(): boolean {
    return this.#bytes > this.#bytesMax;
  }
}

function checkBodyLength(length: number, limit: BodyLimit): void {
  if (!(length > limit.bytesMax)) return;
  throw new LynseError(
    "LIMIT_EXCEEDED",
    `the body has ${length} bytes or more, above the limit ${limit.name} = ${limit.bytesMax / 2 ** 20} MiB; send less at a time`,
    {
      limit: limit.name,
      max: limit.bytesMax,
      got: length,
    },
  );
}

/** Receives a body; the caller gives the bytes back to the budget when the body is no longer needed. */
export async function readBody(
  message: IncomingMessage,
  limit: BodyLimit,
  budget: BodyBudget,
): Promise<Uint8Array<ArrayBuffer>> {
  const declared = Number(message.headers["content-length"]);
  checkBodyLength(declared, limit);
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    await receive(message, (chunk) => {
      length += chunk.length;
      budget.take(chunk.length);
      checkBodyLength(length, limit);
      if (budget.isOver()) {
        throw new LynseError("UNAVAILABLE", "the server is receiving too many bytes at a time; try again in a moment");
      }
      chunks.push(chunk);
    });
    return await joined(chunks, length);
  } catch (error) {
    budget.give(length);
    throw error;
  }
}

function receive(message: IncomingMessage, take: (chunk: Uint8Array) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (error: unknown): void => {
      message.off("data", onData).off("end", onEnd).off("error", onBreak).off("close", onBreak);
      // What is still to come is read and dropped, so that the peer gets to reading the answer.
      message.on("error", () => {});
      message.resume();
      if (error === null) resolve();
      else reject(error);
    };
    const onData = (chunk: Uint8Array): void => {
      try {
        take(chunk);
      } catch (error) {
        stop(error);
      }
    };
    const onEnd = (): void => stop(null);
    const onBreak = (): void => stop(new LynseError("ABORTED", "the client went away before its body was complete"));
    message.on("data", onData).on("end", onEnd).on("error", onBreak).on("close", onBreak);
  });
}

async function joined(chunks: readonly Uint8Array[], length: number): Promise<Uint8Array<ArrayBuffer>> {
  const body = new Uint8Array(length);
  const slice = new TimeSlice();
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
    if (at > copyBytesMax && slice.isDue()) await slice.giveWay();
  }
  return body;
}
