/**
 * What does the manifest of an export say?
 *
 * `export_manifest.json` as LynseDB 0.8 writes and reads it, version 1 for float32 and 2 for float16 vectors, and one member
 * that only this package looks at, `lynsedb_typescript`: what LynseDB's exports leave out (soft-deleted rows, named and
 * sparse vectors, indexes, settings) and the size and CRC-32 of every file. Written last, so that a folder with a manifest
 * is whole. What is read may have been written by anybody: `read-export-manifest.ts`. Lowest file of the layer.
 */
import type { CollectionConfig, VectorFieldConfig } from "../storage/manifest.js";
import type { Dtype, JsonValue } from "../types.js";

export const exportManifestName = "export_manifest.json";
export const exportType = "lynsedb-collection-export";
export const exportFormat = "lynsedb-collection-jsonl-binary-export";
export const exportVersions = { float32: 1, float16: 2 } as const satisfies Record<Dtype, number>;
/** Version of the member `lynsedb_typescript`. */
export const additionsVersion = 1;
/** Rows of one of LynseDB's own files; it wants the number, and writes this one. */
const chunkSize = 100_000;

/** A file of an export, and what its bytes must be. */
export interface ExportFile {
  readonly name: string;
  readonly bytes: number;
  readonly crc32: number;
}

/** Rows in two files: vectors one after the other, and a line of metadata each. */
export interface ExportedRows {
  readonly count: number;
  readonly vectorsFile: string;
  readonly metadataFile: string;
}

/** Vectors of a named field, and the row of each as a little-endian 32-bit number. */
export interface ExportedField {
  readonly config: VectorFieldConfig;
  readonly count: number;
  readonly vectorsFile: string;
  readonly rowsFile: string;
}

/** Sparse vectors: the row as a 32-bit number, then the vector as `encodeSparse` stores it, all little-endian. */
export interface ExportedSparse {
  readonly count: number;
  readonly file: string;
}

/** Blobs: their contents one after the other, and a line with key, length and checksum for each, in the same order. */
export interface ExportedBlobs {
  readonly count: number;
  readonly contentFile: string;
  readonly listFile: string;
}

/** Settings of a collection that its rows do not tell. */
export type ExportedConfig = Omit<CollectionConfig, "vectorFields" | "createdAt">;

/** What an export holds. Rows are numbered over the live and the soft-deleted ones together, in order of insertion. */
export interface ExportContents {
  readonly collection: string;
  readonly config: ExportedConfig;
  readonly live: ExportedRows;
  /** Null where LynseDB wrote the export, or where no row was soft-deleted. */
  readonly deleted: ExportedRows | null;
  readonly fields: readonly ExportedField[];
  readonly sparse: ExportedSparse | null;
  /** Null for none, and where they were left out. */
  readonly blobs: ExportedBlobs | null;
  /** Null where LynseDB wrote the export: nothing is known of its files but their names. */
  readonly files: readonly ExportFile[] | null;
}

/** Bytes of the manifest of an export by this package. */
export function encodeExportManifest(contents: ExportContents, crc32: (bytes: Uint8Array) => number): Uint8Array {
  const { collection, config, live, deleted, fields, sparse, blobs, files } = contents;
  const encode = (checksum: string): Uint8Array =>
    new TextEncoder().encode(
      `${JSON.stringify(
        {
          export_type: exportType,
          collection_name: collection,
          export_format: exportFormat,
          export_version: exportVersions[config.dtype],
          dimension: config.dim ?? 0,
          chunk_size: chunkSize,
          count: live.count,
          vector_dtype: config.dtype,
          byte_order: "little-endian",
          vectors_file: live.vectorsFile,
          metadata_file: live.metadataFile,
          lynsedb_typescript: {
            version: additionsVersion,
            config,
            deleted,
            vectorFields: fields,
            sparse,
            blobs,
            files: files?.map(({ name, bytes, crc32: crc }) => ({ name, bytes, crc32: hexOf(crc) })),
            crc32: checksum,
          },
        },
        null,
        1,
      )}\n`,
    );
  return encode(hexOf(crc32(encode(unsealed))));
}

/** In place of the manifest's own checksum while that is computed. */
const unsealed = "00000000";

/** A checksum as it is written. */
export function hexOf(crc: number): string {
  return crc.toString(16).padStart(8, "0");
}

/** True where the manifest's bytes are those that its own checksum was made of. */
export function isIntactManifest(
  bytes: Uint8Array,
  checksum: JsonValue | undefined,
  crc32: (bytes: Uint8Array) => number,
): boolean {
  if (typeof checksum !== "string" || !/^[0-9a-f]{8}$/.test(checksum)) return false;
  // Behind everything else, so its last occurrence.
  const text = new TextDecoder().decode(bytes);
  const member = `"crc32": "${checksum}"`;
  const at = text.lastIndexOf(member);
  if (at === -1) return false;
  const open = `${text.slice(0, at)}"crc32": "${unsealed}"${text.slice(at + member.length)}`;
  return hexOf(crc32(new TextEncoder().encode(open))) === checksum;
}
