/**
 * What do the handles of one remote collection share?
 *
 * Its names, the writes that wait for a commit, and whether it was closed or dropped through this client. What the server
 * says of the collection's fields is asked when it is needed.
 */
import { collectionClosed, isLynseError } from "../../errors.js";
import type { Metric } from "../../types.js";
import type { VectorFieldInfo } from "../collection.js";
import type { EmbedderRecord } from "../input/document-vectors.js";
import { vectorFieldInfo } from "./read-answers.js";
import type { RemoteTransport } from "./remote-transport.js";
import { StagedWrites } from "./staged-writes.js";
import type { Place } from "./write-request.js";

export class RemoteState {
  readonly transport: RemoteTransport;
  readonly databaseName: string;
  readonly name: string;
  readonly place: Place;
  /** Writes that wait for the collection's next commit. */
  readonly pending: StagedWrites;
  #isClosed = false;
  #isDropped = false;

  constructor(transport: RemoteTransport, databaseName: string, name: string) {
    this.transport = transport;
    this.databaseName = databaseName;
    this.name = name;
    this.place = { database_name: databaseName, collection_name: name };
    this.pending = new StagedWrites(transport, this.place);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isDropped(): boolean {
    return this.#isDropped;
  }

  /** No handle works any more. */
  end(isDropped: boolean): void {
    this.#isClosed = true;
    this.#isDropped ||= isDropped;
  }

  checkOpen(): void {
    this.transport.checkOpen();
    if (this.#isClosed) throw collectionClosed(this.name);
  }

  checkWritable(): void {
    this.checkOpen();
    this.transport.checkWritable();
  }

  /** `params` of the answer to a read. */
  async read(path: string, body: object = {}, signal?: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
    this.checkOpen();
    return this.transport.post(path, { ...this.place, ...body }, { kind: "read", signal });
  }

  /** `params` of the answer to a change that takes no rows; `timeoutMs` 0 for one that may take long. */
  async change(
    path: string,
    body: object = {},
    options: { readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number } = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    this.checkWritable();
    return this.transport.post(path, { ...this.place, ...body }, { kind: "write", ...options });
  }

  /** True while the collection that the handles were opened on is there. */
  async exists(): Promise<boolean> {
    if (this.#isDropped) return false;
    try {
      const { exists } = await this.transport.post("/is_collection_exists", this.place, { kind: "read" });
      return exists === true;
    } catch (error) {
      if (isLynseError(error, "DATABASE_NOT_FOUND")) return false;
      throw error;
    }
  }

  async vectorFields(): Promise<VectorFieldInfo[]> {
    const { fields } = await this.read("/list_vector_fields");
    return (fields as Readonly<Record<string, unknown>>[]).map(vectorFieldInfo);
  }

  /** How vectors of a field are measured and how long they are; what the server doesn't know, it will refuse. */
  async fieldShape(name: string): Promise<{ readonly metric: Metric; readonly dim: number | null }> {
    const found = (await this.vectorFields()).find((field) => field.name === name);
    return found ?? { metric: "ip", dim: null };
  }

  async config(): Promise<Readonly<Record<string, unknown>>> {
    const { config } = await this.read("/get_collection_config");
    return config as Readonly<Record<string, unknown>>;
  }

  /** The embedder that the collection's vectors come from, as it is now; `keep` is told of another. */
  async embedderRecord(keep: EmbedderRecord["keep"]): Promise<EmbedderRecord> {
    const { embedder, dim, vector_fields } = (await this.config()) as {
      readonly embedder: { readonly name: string } | null;
      readonly dim: number;
      readonly vector_fields: readonly { readonly name: string; readonly dim: number }[];
    };
    const dims = new Map(vector_fields.map((field) => [field.name, field.dim]));
    return {
      collection: this.name,
      embedderName: () => embedder?.name,
      dimOf: (fieldName) => dims.get(fieldName) ?? (dim === 0 ? null : dim),
      keep,
    };
  }
}
