/**
 * How are requests sent where there is `fetch`?
 *
 * By the caller's own function, or by the platform's, which keeps connections alive. Needs nothing of Node.js.
 */
import { answerBytesMax, answerTooLong, type HttpAnswer, type HttpRequest, type HttpSender } from "./http-sender.js";

export class FetchSender implements HttpSender {
  readonly #fetch: typeof globalThis.fetch;

  constructor(fetch: typeof globalThis.fetch) {
    this.#fetch = fetch;
  }

  async send({ method, url, headers, body, signal }: HttpRequest): Promise<HttpAnswer> {
    const response = await this.#fetch(url, { method, body, headers, signal, redirect: "error" });
    const checkLength = (bytesMax = answerBytesMax): void => {
      if (Number(response.headers.get("content-length")) > bytesMax) throw answerTooLong(url, bytesMax);
    };
    return {
      status: response.status,
      retryAfter: response.headers.get("retry-after"),
      text: () => {
        checkLength();
        return response.text();
      },
      json: () => {
        checkLength();
        return response.json();
      },
      bytes: async (bytesMax) => {
        checkLength(bytesMax);
        return new Uint8Array(await response.arrayBuffer());
      },
      stream: () => response.body,
    };
  }

  /** The platform closes its connections when it likes. */
  close(): void {}
}
