/**
 * Who asks, and what may they do?
 *
 * Keys are kept and compared as SHA-256 digests, all of them in constant time, so that neither the time of an answer nor
 * a dump of memory tells a key. After too many failures from one address its requests are refused unread for the rest of
 * the minute; a key that was right from that address before goes on working, so that nobody is locked out by a neighbour
 * behind the same proxy.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { LynseError } from "../errors.js";
import type { RequestKey } from "./route.js";

interface StoredKey extends RequestKey {
  readonly digest: Buffer;
  /** Addresses that this key was right from. */
  readonly knownAddresses: Set<string>;
}

/** What became of a request's key. */
export type KeyCheck =
  | { readonly outcome: "right"; readonly key: RequestKey }
  | { readonly outcome: "wrong" }
  | { readonly outcome: "refused"; readonly retryAfterSecs: number };

/** Failures of one address in a window, after which it is refused. */
const failuresMax = 20;
const windowMs = 60_000;
/** Addresses remembered at a time: bounds the memory that failing requests can take. */
const addressesMax = 10_000;
const keyLengthMax = 1024;

const anonymous: RequestKey = { name: "anonymous", isReadOnly: false };
const anonymousCheck: KeyCheck = { outcome: "right", key: anonymous };

export class ApiKeys {
  readonly #keys: readonly StoredKey[];
  readonly #failures = new Map<string, { count: number; since: number }>();
  readonly #now: () => number;

  /** @param entries Keys as written in options and files: `KEY`, `NAME:KEY` or `NAME:KEY:ro`. */
  constructor(entries: readonly string[], now: () => number = Date.now) {
    this.#keys = entries.map((entry, at) => readKey(entry, at));
    this.#now = now;
    const names = this.#keys.map((key) => key.name);
    const twice = names.find((name, at) => names.indexOf(name) !== at);
    if (twice !== undefined) {
      throw new LynseError("INVALID_ARGUMENT", `two API keys have the name "${twice}"; give each a name of its own`);
    }
  }

  /** True when requests need a key. */
  get isRequired(): boolean {
    return this.#keys.length > 0;
  }

  /** Checks the `Authorization` header of a request from `address`; public routes need none. */
  check(authorization: string | undefined, address: string, isPublic = false): KeyCheck {
    if (this.#keys.length === 0 || isPublic) return anonymousCheck;
    const given = keyOf(authorization);
    const key = given === null ? null : this.#find(given);
    const blockedMs = this.#blockedMs(address);
    if (blockedMs > 0 && !(key?.knownAddresses.has(address) ?? false)) {
      return { outcome: "refused", retryAfterSecs: Math.ceil(blockedMs / 1000) };
    }
    if (key !== null) {
      if (key.knownAddresses.size < addressesMax) key.knownAddresses.add(address);
      return { outcome: "right", key };
    }
    this.#addFailure(address);
    return { outcome: "wrong" };
  }

  /** The key that was given; every stored one is compared, so that the time tells nothing. */
  #find(given: string): StoredKey | null {
    const digest = digestOf(given);
    let found: StoredKey | null = null;
    for (const key of this.#keys) {
      if (timingSafeEqual(digest, key.digest)) found = key;
    }
    return found;
  }

  #blockedMs(address: string): number {
    const failures = this.#failures.get(address);
    if (failures === undefined || failures.count < failuresMax) return 0;
    return Math.max(0, failures.since + windowMs - this.#now());
  }

  #addFailure(address: string): void {
    const now = this.#now();
    const failures = this.#failures.get(address);
    if (failures !== undefined && now - failures.since < windowMs) {
      failures.count += 1;
      return;
    }
    // The oldest goes first: maps iterate in order of insertion.
    this.#failures.delete(address);
    if (this.#failures.size >= addressesMax) {
      const [oldest] = this.#failures.keys();
      if (oldest !== undefined) this.#failures.delete(oldest);
    }
    this.#failures.set(address, { count: 1, since: now });
  }
}

/** Entries of a file of keys: one a line; empty lines and those that begin with `#` don't count. */
export function keyEntriesOf(text: string): string[] {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "" && !line.startsWith("#"));
}

function readKey(entry: string, at: number): StoredKey {
  const match = /^(?:(?<name>[A-Za-z0-9._-]{1,64}):)?(?<key>[^:]+)(?<ro>:r[ow])?$/.exec(entry);
  const { name, key, ro } = match?.groups ?? {};
  const isUsable = key !== undefined && key.length <= keyLengthMax && /^[\x21-\x7e]+$/.test(key);
  if (!isUsable || (name === undefined && ro !== undefined)) {
    throw new LynseError(
      "INVALID_ARGUMENT",
      `API key number ${at + 1} is not KEY, NAME:KEY or NAME:KEY:ro (printable ASCII without spaces and colons)`,
    );
  }
  return {
    name: name ?? `key-${at + 1}`,
    isReadOnly: ro === ":ro",
    digest: digestOf(key),
    knownAddresses: new Set(),
  };
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}

/** The key in a header: `Bearer KEY`, or the password of `Basic`. */
function keyOf(authorization: string | undefined): string | null {
  if (authorization === undefined || authorization.length > 2 * keyLengthMax) return null;
  if (/^bearer /i.test(authorization)) return authorization.slice("Bearer ".length).trim();
  if (!/^basic /i.test(authorization)) return null;
  const decoded = Buffer.from(authorization.slice("Basic ".length).trim(), "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  return colon < 0 ? null : decoded.slice(colon + 1);
}
