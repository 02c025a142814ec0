/**
 * How do the vectors that hang on rows get into the files of an export, where rows come one after the other?
 *
 * As `export-attached.ts` writes them: a file of vectors and one of row numbers for each named field, one for sparse vectors.
 */
import { storedVectors } from "../engine/stored-vectors.js";
import { LynseError } from "../errors.js";
import { encodeSparse } from "../sparse/sparse-vector.js";
import type { VectorFieldConfig } from "../storage/manifest.js";
import type { Id } from "../types.js";
import type { ExportFiles } from "./export-folder.js";
import type { ExportedField, ExportedSparse } from "./export-manifest.js";
import type { FileSink } from "./file-sink.js";

/** What hangs on a row. */
export interface RowAttachments {
  readonly id: Id;
  readonly vectors?: Readonly<Record<string, Float32Array>>;
  readonly sparse?: { readonly indices: Uint32Array; readonly values: Float32Array };
}

interface FieldSinks {
  readonly config: VectorFieldConfig;
  readonly vectors: FileSink;
  readonly rows: FileSink;
  count: number;
}

export class AttachedWriter {
  readonly #fields: ReadonlyMap<string, FieldSinks>;
  readonly #sparse: FileSink;
  #sparseCount = 0;

  private constructor(fields: ReadonlyMap<string, FieldSinks>, sparse: FileSink) {
    this.#fields = fields;
    this.#sparse = sparse;
  }

  static async create(files: ExportFiles, configs: readonly VectorFieldConfig[]): Promise<AttachedWriter> {
    const fields = new Map<string, FieldSinks>();
    for (const [number, config] of configs.entries()) {
      const vectors = await files.create(`field-${number}.f32`);
      const rows = await files.create(`field-${number}.rows`);
      fields.set(config.name, { config, vectors, rows, count: 0 });
    }
    return new AttachedWriter(fields, await files.create("sparse.bin"));
  }

  /** Takes what hangs on the row with a number. */
  async add({ id, vectors, sparse }: RowAttachments, row: number): Promise<void> {
    const number = new Uint8Array(Uint32Array.of(row).buffer);
    for (const [name, vector] of Object.entries(vectors ?? {})) {
      const field = this.#fields.get(name);
      if (field === undefined || field.config.dim !== vector.length) throw changedField(id, name);
      await field.vectors.write(storedVectors(vector, field.config.dtype));
      await field.rows.write(number);
      field.count += 1;
    }
    if (sparse === undefined || sparse.indices.length === 0) return;
    await this.#sparse.write(number);
    await this.#sparse.write(encodeSparse(sparse));
    this.#sparseCount += 1;
  }

  summary(): { readonly fields: readonly ExportedField[]; readonly sparse: ExportedSparse } {
    const fields = Array.from(this.#fields.values(), ({ config, vectors, rows, count }) => ({
      ...{ config, count, vectorsFile: vectors.name, rowsFile: rows.name },
    }));
    return { fields, sparse: { count: this.#sparseCount, file: this.#sparse.name } };
  }
}

function changedField(id: Id, name: string): LynseError {
  return new LynseError(
    "UNAVAILABLE",
    `row ${JSON.stringify(id)} has a vector of field ${JSON.stringify(name)}, which was made while the rows were read; export again`,
    { id, field: name },
  );
}
