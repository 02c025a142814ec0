/**
 * In which modes must the package behave the same?
 *
 * One suite, run over this list. A mode gives places: somewhere that clients can be opened on, empty at first, removed
 * afterwards.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { type ClientOptions, VectorDBClient } from "../../src/index.js";
import { createServer, type LynseServer } from "../../src/server/lynse-server.js";

/** Somewhere that clients can be opened on. */
export interface Place {
  readonly uri: string;
  /** Folder of the machine for copies of what is there. */
  readonly copies: string;
  open(options?: ClientOptions): VectorDBClient;
  remove(): Promise<void>;
}

export interface Mode {
  readonly mode: string;
  /** Data outlives the client that wrote it. */
  readonly isPersistent: boolean;
  /** Clients have the data open themselves: one at a time, in this process. */
  readonly isEmbedded: boolean;
  newPlace(): Promise<Place>;
}

async function newFolderPlace(): Promise<Place> {
  const uri = await mkdtemp(join(tmpdir(), "lynse-conformance-"));
  const copies = await newCopies();
  return {
    uri,
    copies,
    open: (options) => new VectorDBClient(uri, options),
    async remove() {
      await rm(uri, { recursive: true, force: true });
      await rm(copies, { recursive: true, force: true });
    },
  };
}

async function newMemoryPlace(): Promise<Place> {
  const uri = "memory://";
  const copies = await newCopies();
  return {
    uri,
    copies,
    open: (options) => new VectorDBClient(uri, options),
    remove: () => rm(copies, { recursive: true, force: true }),
  };
}

function newCopies(): Promise<string> {
  return mkdtemp(join(tmpdir(), "lynse-copies-"));
}

interface IdleServer {
  readonly server: LynseServer;
  readonly copies: string;
}

/** Servers without a place: starting one takes longer than most tests. */
const idleServers: IdleServer[] = [];

afterAll(async () => {
  for (const { server, copies } of idleServers.splice(0)) {
    await server.close();
    await rm(copies, { recursive: true, force: true });
  }
});

async function newServer(): Promise<IdleServer> {
  const copies = await newCopies();
  return { server: await createServer({ dataDir: "memory://", port: 0, maxTopK: 0, snapshotDir: copies }), copies };
}

/** A server over memory. Options of the embedded client are the server's business: they are left out. */
async function newServerPlace(): Promise<Place> {
  const idle = idleServers.pop() ?? (await newServer());
  const { server, copies } = idle;
  const { href: uri } = server.url ?? (await server.listen());
  return {
    uri,
    copies,
    open: ({ durability: _durability, threads: _threads, ...options } = {}) => new VectorDBClient(uri, options),
    async remove() {
      await using client = new VectorDBClient(uri);
      for (const name of await client.listDatabases()) await client.dropDatabase(name);
      for (const name of await readdir(copies)) await rm(join(copies, name), { recursive: true, force: true });
      idleServers.push(idle);
    },
  };
}

/** A folder on disk: what most programs use. */
export const folderMode: Mode = { mode: "folder", isPersistent: true, isEmbedded: true, newPlace: newFolderPlace };

/** A server and its client, with HTTP between them. */
const remoteMode: Mode = { mode: "remote", isPersistent: true, isEmbedded: false, newPlace: newServerPlace };

export const modes: readonly Mode[] = [
  folderMode,
  { mode: "memory", isPersistent: false, isEmbedded: true, newPlace: newMemoryPlace },
  remoteMode,
];
