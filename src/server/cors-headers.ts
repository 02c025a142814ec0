/**
 * Which browsers may call the server?
 *
 * None, unless origins were named: then those get the headers of Cross-Origin Resource Sharing (WHATWG Fetch), and their
 * preflight requests an answer. Credentials are never allowed: keys travel in `Authorization`. Pages of other origins are
 * refused, not only kept from reading: a browser sends requests without a content type unasked, and a server on the
 * same machine may have no key.
 */

/** Time that a browser may remember the answer to a preflight request, seconds. */
const maxAgeSecs = "600";

export class CorsHeaders {
  readonly #origins: readonly string[];

  constructor(origins: readonly string[]) {
    this.#origins = origins;
  }

  /** True for a request that no page made, or one of an origin that was named. */
  admits(origin: string | undefined): boolean {
    return origin === undefined || this.#origins.includes("*") || this.#origins.includes(origin);
  }

  /** Headers for a request from `origin`; none where it may not call. */
  for(origin: string | undefined): Readonly<Record<string, string>> {
    if (origin === undefined || this.#origins.length === 0) return {};
    const isAny = this.#origins.includes("*");
    if (!isAny && !this.#origins.includes(origin)) return { vary: "origin" };
    return {
      "access-control-allow-origin": isAny ? "*" : origin,
      "access-control-expose-headers": "x-request-id, retry-after",
      ...(isAny ? {} : { vary: "origin" }),
    };
  }

  /** Headers of the answer to a preflight request; null for a request that is none, or from elsewhere. */
  forPreflight(method: string, origin: string | undefined): Readonly<Record<string, string>> | null {
    const headers = this.for(origin);
    if (method !== "OPTIONS" || headers["access-control-allow-origin"] === undefined) return null;
    return {
      ...headers,
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": "authorization, content-type, x-request-id, traceparent",
      "access-control-max-age": maxAgeSecs,
    };
  }
}
