// A program that builds indexes and tells what it does on its standard output, one JSON text a line.
// Arguments: folder, index, what to do at the end (`hang`: build again and again until it is killed; `close`; `forget`).
import { writeSync } from "node:fs";
import { VectorDBClient } from "../../dist/index.js";

const [folder, index, ending] = process.argv.slice(2);
const tell = (message) => writeSync(1, `${JSON.stringify(message)}\n`);

const client = new VectorDBClient(folder);
const docs = await (await client.getDatabase("app")).getCollection("docs");
do {
  const onProgress = ({ done, total }) => tell({ done, total });
  await docs.buildIndex(index, { onProgress });
  tell({ built: index, atMs: Date.now() });
} while (ending === "hang");
if (ending === "close") await client.close();
tell({ over: true, atMs: Date.now() });
