/**
 * How do rows become requests?
 *
 * As record batches of a few megabytes: vectors, ids and metadata in bytes, made as the rows come, so that a later change to
 * a caller's objects changes nothing. Rows that a record batch cannot hold (integer and string ids together, metadata with
 * halves of surrogate pairs) go as JSON.
 */
import { fieldToText } from "../../engine/field-text.js";
import { copyVector } from "../../engine/vector-input.js";
import type { Fields, Id } from "../../types.js";
import { ByteWriter } from "../../wire/byte-writer.js";
import { encodeFieldsV1 } from "../../wire/fields-v1.js";
import { encodeRecordBatch, idsEncodingOf } from "../../wire/record-batch.js";
import { vectorsToBase64 } from "../../wire/vector-encoding.js";
import type { RemoteLimits } from "./remote-transport.js";
import type { WriteRequest } from "./write-request.js";

export type RowKind = "add" | "upsert";

/** Bytes of a request: enough for the costs of one to vanish, small enough to be made without being noticed. */
const batchBytes = 4 * 1024 * 1024;
const batchRowsMax = 16_384;
/** "LDBF1" and the number of entries: what a block of metadata begins with. */
const fieldsHeaderBytes = 9;
const noFieldsEntry = Uint8Array.of(0);

export class RowBatches {
  #requests: WriteRequest[] = [];
  readonly #kind: RowKind;
  readonly #dim: number;
  readonly #rowsMax: number;
  readonly #bytesMax: number;
  #vectors: Float32Array;
  #ids: Id[] = [];
  #fields: ByteWriter | null = null;
  /** Metadata of the rows as JSON, for batches that are sent so; null where a row has none. */
  #texts: (string | null)[] = [];
  #isJson: boolean;
  #embedder: Readonly<Record<string, unknown>> | null;

  /** @param embedder Remembered by the collection with the first rows; those go as JSON. */
  constructor(
    kind: RowKind,
    dim: number,
    { maxBatchVectors, payloadLimitBytes }: RemoteLimits,
    embedder: Readonly<Record<string, unknown>> | null = null,
  ) {
    this.#kind = kind;
    this.#dim = dim;
    this.#embedder = embedder;
    this.#isJson = embedder !== null;
    this.#bytesMax = payloadLimitBytes === 0 ? batchBytes : Math.min(batchBytes, payloadLimitBytes / 2);
    const fitting = Math.max(1, Math.floor(this.#bytesMax / (dim * 4)));
    const allowed = maxBatchVectors === 0 ? batchRowsMax : Math.min(batchRowsMax, maxBatchVectors);
    this.#rowsMax = Math.min(fitting, allowed);
    this.#vectors = new Float32Array(dim);
  }

  /** Adds a row. `undefined` metadata keeps, in an upsert, what the row has. */
  add(id: Id, vector: unknown, field: Fields | null | undefined): void {
    const text = this.#kind === "upsert" && field === undefined ? null : fieldToText(field, id);
    const at = this.#ids.length * this.#dim;
    if (at === this.#vectors.length) this.#grow();
    copyVector(vector, this.#vectors, at, this.#dim, "float32", () => `the vector of id ${JSON.stringify(id)}`);
    this.#ids.push(id);
    this.#texts.push(text);
    this.#addField(field, text);
    const bytes = this.#ids.length * this.#dim * 4 + (this.#fields?.length ?? 0);
    if (this.#ids.length >= this.#rowsMax || bytes >= this.#bytesMax) this.#flush();
  }

  #grow(): void {
    const rows = Math.min(this.#rowsMax, (this.#vectors.length / this.#dim) * 2);
    const grown = new Float32Array(rows * this.#dim);
    grown.set(this.#vectors);
    this.#vectors = grown;
  }

  #addField(field: Fields | null | undefined, text: string | null): void {
    // JSON writes halves of surrogate pairs as \ud8…, bytes have no form for them.
    if (text?.includes("\\ud")) this.#isJson = true;
    if (this.#isJson) return;
    const isKept = text === null || (text === "" && this.#kind === "add");
    if (isKept && this.#fields === null) return;
    if (this.#fields === null) {
      this.#fields = new ByteWriter();
      for (let row = 1; row < this.#ids.length; row++) this.#fields.bytes(noFieldsEntry);
    }
    if (isKept) this.#fields.bytes(noFieldsEntry);
    else this.#fields.bytes(encodeFieldsV1([field ?? {}]).subarray(fieldsHeaderBytes));
  }

  /** The requests that are full, each given once. */
  take(): readonly WriteRequest[] {
    const taken = this.#requests;
    if (taken.length > 0) this.#requests = [];
    return taken;
  }

  /** The requests of all rows that were not taken yet. */
  finish(): readonly WriteRequest[] {
    if (this.#ids.length > 0) this.#flush();
    return this.take();
  }

  #flush(): void {
    const vectors = this.#vectors.subarray(0, this.#ids.length * this.#dim);
    const isJson = this.#isJson || idsEncodingOf(this.#ids) === null;
    this.#requests.push(isJson ? this.#json(vectors) : this.#bytes(vectors));
    this.#vectors = new Float32Array(this.#vectors.length);
    this.#ids = [];
    this.#texts = [];
    this.#fields = null;
    this.#isJson = false;
  }

  #bytes(vectors: Float32Array): WriteRequest {
    const ids = this.#ids;
    const { body: rows, idsEncoding, idsStart } = encodeRecordBatch(vectors, ids);
    const query = {
      ...{ dim: this.#dim, n_vectors: ids.length, ids_encoding: idsEncoding, ids_start: idsStart },
      return_ids: false,
    };
    const path = `/${this.#kind}_records_binary`;
    if (this.#fields === null) return { path, query, body: rows };
    const entries = this.#fields.finish();
    const body = new Uint8Array(rows.length + fieldsHeaderBytes + entries.length);
    body.set(rows);
    body.set(encodeFieldsV1([]), rows.length);
    new DataView(body.buffer).setUint32(rows.length + fieldsHeaderBytes - 4, ids.length, true);
    body.set(entries, rows.length + fieldsHeaderBytes);
    return { path, query, body };
  }

  #json(vectors: Float32Array): WriteRequest {
    const fields = this.#texts.map((text) => (text === null ? null : text === "" ? {} : JSON.parse(text)));
    const body = { ids: this.#ids, vectors_b64: vectorsToBase64(vectors), dim: this.#dim };
    const hasFields = this.#texts.some((text) => text !== null);
    const embedder = this.#embedder === null ? {} : { embedder: this.#embedder };
    this.#embedder = null;
    return { path: `/${this.#kind}`, body: { ...body, ...(hasFields ? { fields } : {}), ...embedder } };
  }
}
