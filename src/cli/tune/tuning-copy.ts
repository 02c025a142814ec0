/**
 * On what is it measured?
 *
 * A copy in memory: the collection itself is only read. Rows drawn by a seed are left out of the copy and are the
 * queries, so that no query finds itself; what they are compared with is what remains. A large collection is sampled,
 * every row with the same chance. One pass over the rows in their order, of which only the drawn ones are kept.
 */
import { type Collection, LynseError, VectorDBClient } from "../../index.js";
import { SeededRandom } from "./seeded-random.js";
import { exactMode } from "./tune-modes.js";

export interface CopyOptions {
  readonly queries: number;
  /** Rows copied at most. */
  readonly rowsMax: number;
  readonly seed: number;
  /** True where metadata is needed, to filter by. */
  readonly withFields: boolean;
  readonly onProgress: (done: number, total: number) => void;
}

export interface TuningCopy {
  readonly client: VectorDBClient;
  readonly collection: Collection;
  readonly queries: readonly Float32Array[];
  readonly rows: number;
}

/** Fewer rows than this are searched exactly in no time. */
const rowsMin = 50;
/** At most this share of the rows asks, so that what remains is like the collection. */
const queryShareMax = 0.2;
const batchRows = 1000;

export async function copyForTuning(source: Collection, options: CopyOptions): Promise<TuningCopy> {
  const [rowCount, dim] = await source.shape();
  if (rowCount < rowsMin) {
    throw new LynseError(
      rowCount === 0 ? "INDEX_EMPTY" : "INVALID_ARGUMENT",
      `collection "${source.name}" has ${rowCount} rows; there is something to tune from ${rowsMin} rows on, ` +
        "and exact search is best for so few",
      { rows: rowCount, rowsMin },
    );
  }
  const { dtype, metric } = await source.stats();
  const queryCount = Math.min(options.queries, Math.floor(rowCount * queryShareMax));
  const client = new VectorDBClient("memory://");
  try {
    const database = await client.createDatabase("tune");
    const collection = await database.requireCollection("copy", { dim, dtype, defaultIndex: exactMode(metric) });
    const queries = await copyRows(source, collection, rowCount, queryCount, options);
    const [rows] = await collection.shape();
    return { client, collection, queries, rows };
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** Draws rows as they pass by (selection sampling), and queries among those that are drawn. */
async function copyRows(
  source: Collection,
  target: Collection,
  rowCount: number,
  queryCount: number,
  { rowsMax, seed, withFields, onProgress }: CopyOptions,
): Promise<Float32Array[]> {
  const random = new SeededRandom(seed);
  const queries: Float32Array[] = [];
  let vectors: Float32Array[] = [];
  let fields: object[] = [];
  let wanted = Math.min(rowCount, rowsMax + queryCount);
  let wantedQueries = queryCount;
  let passed = 0;
  const store = async (): Promise<void> => {
    if (vectors.length > 0) await target.add(withFields ? { vectors, fields } : { vectors });
    [vectors, fields] = [[], []];
    onProgress(passed, rowCount);
  };
  for await (const { vector, field } of source.scan({ returnVectors: true, batchSize: batchRows })) {
    const isDrawn = random.unit() * (rowCount - passed) < wanted;
    passed += 1;
    if (isDrawn && vector !== undefined) {
      const asks = random.unit() * wanted < wantedQueries;
      wanted -= 1;
      if (asks) {
        wantedQueries -= 1;
        queries.push(vector);
      } else {
        vectors.push(vector);
        fields.push(field);
      }
    }
    if (vectors.length >= batchRows) await store();
    if (wanted === 0) break;
  }
  await store();
  return queries;
}
