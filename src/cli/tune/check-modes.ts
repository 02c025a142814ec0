/**
 * Can the named indexes be tried on this collection?
 *
 * Asked of empty collections, so that a mistake in the last name shows before the first build and not after it.
 */
import { type Collection, LynseError, VectorDBClient } from "../../index.js";

/** The canonical names, each once; `UNSUPPORTED_INDEX` for one that there is not, or that ranks by another metric. */
export async function checkModes(source: Collection, modes: readonly string[]): Promise<string[]> {
  const { metric, dim } = await source.stats();
  const names = new Set<string>();
  const client = new VectorDBClient("memory://");
  try {
    const database = await client.createDatabase("tune");
    for (const mode of modes) {
      const options = { defaultIndex: mode, dropIfExists: true, ...(dim === null ? {} : { dim }) };
      const stats = await (await database.requireCollection("probe", options)).stats();
      if (stats.metric !== metric) {
        throw new LynseError(
          "UNSUPPORTED_INDEX",
          `${stats.index} ranks by ${stats.metric}, but collection "${source.name}" by ${metric}; ` +
            `name indexes with the metric ${metric}`,
          { got: stats.index, metric },
        );
      }
      names.add(stats.index ?? mode);
    }
  } finally {
    await client.close();
  }
  return [...names];
}
