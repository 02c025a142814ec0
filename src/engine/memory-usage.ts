/**
 * How many bytes does a collection take in memory?
 *
 * Puts the sizes that each structure reports of itself side by side; `stats()` shows them, and the memory budget counts them.
 */
import type { Generation } from "./generation.js";
import type { VectorField } from "./vector-field.js";

/** What the vector fields take. */
export interface FieldBytes {
  readonly vectorBytes: number;
  readonly codeBytes: number;
  readonly indexBytes: number;
  readonly filterBytes: number;
  /** Vectors that are on disk alone, but for their codes. */
  readonly onDiskBytes: number;
  /** All but the last. */
  readonly totalBytes: number;
}

/** What everything but the vector fields takes. */
export interface OtherBytes {
  readonly idBytes: number;
  readonly rowTableBytes: number;
  readonly columnBytes: number;
  readonly textBytes: number;
  readonly sparseBytes: number;
  readonly totalBytes: number;
}

export function fieldBytes(fields: readonly VectorField[]): FieldBytes {
  const bytes = { vectorBytes: 0, codeBytes: 0, indexBytes: 0, filterBytes: 0, onDiskBytes: 0, totalBytes: 0 };
  for (const field of fields) {
    const table = field.table?.memory();
    const { coded } = field;
    const codes = coded?.codes.memory();
    const indexBytes = field.index.index?.memoryBytes() ?? 0;
    const filterBytes = field.field?.gathered.memoryBytes() ?? 0;
    bytes.vectorBytes += table?.vectorBytes ?? 0;
    bytes.codeBytes += (table?.codeBytes ?? 0) + (codes?.codeBytes ?? 0);
    bytes.indexBytes += indexBytes;
    bytes.filterBytes += filterBytes;
    bytes.onDiskBytes += coded === null ? 0 : (field.field?.firstRow ?? 0) * coded.codes.bytesPerRow;
    bytes.totalBytes += (table?.totalBytes ?? 0) + (codes?.totalBytes ?? 0) + indexBytes + filterBytes;
  }
  return bytes;
}

export function otherBytes({ rows, ids, columns, ranges, sparse, text, named }: Generation): OtherBytes {
  const idBytes = rows.idBytes() + ids.memoryBytes();
  const rowTableBytes = rows.placeBytes() + ranges.memoryBytes;
  const columnBytes = columns.memoryBytes();
  const sparseBytes = sparse?.memoryBytes ?? 0;
  const textBytes = text.memoryBytes;
  const slotBytes = named.reduce((total, field) => total + field.memoryBytes(), 0);
  const totalBytes = idBytes + rowTableBytes + columnBytes + sparseBytes + textBytes + slotBytes;
  return { idBytes, rowTableBytes, columnBytes, textBytes, sparseBytes, totalBytes };
}
