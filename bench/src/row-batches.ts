/**
 * How do rows get from the corpus into an insert?
 *
 * In batches, parsed before the clock runs. A corpus is read whole first; rows made by `clusteredFields` are read a
 * batch at a time without holding the event loop, so that a million of them neither fill the memory nor show up as
 * pauses.
 */
import { readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { clusteredFields } from "./clustered-rows.js";
import type { RowBatch, RowFields } from "./engine.js";
import { readFloats } from "./read-floats.js";

export interface RowsSource {
  readonly dim: number;
  readonly rowCount: number;
  readonly vectorsFile: string;
  /** One JSON object a line; null where the rows are `clusteredFields`. */
  readonly rowsFile: string | null;
}

/** All rows of the source, `batchRows` at a time. */
export async function* rowBatches(source: RowsSource, batchRows: number): AsyncGenerator<RowBatch> {
  if (source.rowsFile === null) yield* streamedBatches(source, batchRows);
  else yield* preparedBatches(source, source.rowsFile, batchRows);
}

function* preparedBatches(source: RowsSource, rowsFile: string, batchRows: number): Generator<RowBatch> {
  const { dim, rowCount } = source;
  const vectors = readFloats(source.vectorsFile);
  const rows = readFileSync(rowsFile, "utf8").split("\n");
  const fields = rows.map((line) => JSON.parse(line) as RowFields);
  for (let firstId = 0; firstId < rowCount; firstId += batchRows) {
    const end = Math.min(rowCount, firstId + batchRows);
    yield {
      firstId,
      count: end - firstId,
      vectors: vectors.slice(firstId * dim, end * dim),
      fields: fields.slice(firstId, end),
    };
  }
}

async function* streamedBatches(source: RowsSource, batchRows: number): AsyncGenerator<RowBatch> {
  const { dim, rowCount } = source;
  const file = await open(source.vectorsFile, "r");
  try {
    for (let firstId = 0; firstId < rowCount; firstId += batchRows) {
      const count = Math.min(batchRows, rowCount - firstId);
      const vectors = new Float32Array(count * dim);
      const bytes = new Uint8Array(vectors.buffer);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, firstId * dim * 4);
      if (bytesRead !== bytes.length) throw new Error(`${source.vectorsFile} ends before row ${firstId + count}`);
      const fields = Array.from({ length: count }, (_, row) => clusteredFields(firstId + row));
      yield { firstId, count, vectors, fields };
    }
  } finally {
    await file.close();
  }
}
