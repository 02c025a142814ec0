/**
 * How does a command get at the data?
 *
 * Reading commands open the directory read-only, so that they work beside a process that writes. Whatever happens, the
 * client is closed again, so that the command ends and its lock is gone. A server is reached the same way.
 */
import { type Collection, VectorDBClient } from "../../index.js";
import { clientPlace } from "./client-place.js";
import type { CommonOptions } from "./common-options.js";

export async function useClient<T>(
  options: CommonOptions,
  mode: "read" | "write",
  use: (client: VectorDBClient) => Promise<T>,
): Promise<T> {
  const readOnly = mode === "read" || options.readOnly === true;
  const { uri, apiKey } = clientPlace(options, process.env);
  const { memoryBudget } = options;
  const client = new VectorDBClient(uri, {
    readOnly,
    ...(apiKey === null ? {} : { apiKey }),
    ...(memoryBudget === undefined ? {} : { memoryBudget }),
  });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

export async function useCollection<T>(
  options: CommonOptions & { readonly collection: string },
  mode: "read" | "write",
  use: (collection: Collection) => Promise<T>,
): Promise<T> {
  return await useClient(options, mode, async (client) => {
    const database = await client.getDatabase(options.database);
    return await use(await database.getCollection(options.collection));
  });
}
