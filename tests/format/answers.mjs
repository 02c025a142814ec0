// What a root of the fixtures answers: recorded when it was made, asked again of every later version.

/** Plain JSON of a result: equal texts are equal answers. */
function plain(view) {
  const { ids, distances, fields, vectors } = view;
  return {
    ids: [...ids],
    ...(distances === null ? {} : { distances: Array.from(distances, (value) => Number(value.toPrecision(5))) }),
    ...(fields === null ? {} : { fields }),
    ...(vectors === null ? {} : { vectors: vectors.map((vector) => [...vector]) }),
  };
}

async function rowsOf(collection) {
  const rows = [];
  for await (const { id, field, vector } of collection.scan({ returnVectors: true }))
    rows.push([id, field, [...vector]]);
  return rows;
}

async function blobsOf(collection) {
  const blobs = [];
  for (const { key, bytes } of await collection.listBlobs()) {
    const content = await collection.readBlob(key);
    blobs.push([
      key,
      bytes,
      content.length <= 64 ? [...content] : content.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 0),
    ]);
  }
  return blobs;
}

async function answersOfCollection(collection) {
  const fields = [];
  const [rowCount, dim] = await collection.shape();
  for (const { name, dim: fieldDim, metric, dtype, index, rows, indexState } of await collection.listVectorFields()) {
    const query = Array.from({ length: fieldDim ?? 1 }, (_, at) =>
      metric === "haversine" ? at : ((at * 5) % 7) + 0.5,
    );
    const found =
      fieldDim === null ? null : plain(await collection.search(query, { vectorField: name, k: 50, exact: true }));
    fields.push({ name, dim: fieldDim, metric, dtype, index, rows, state: indexState.state, found });
  }
  const { description, sparseRows } = await collection.stats();
  return {
    shape: [rowCount, dim],
    description,
    sparseRows,
    text: await collection.textOptions(),
    rows: await rowsOf(collection),
    deleted: await collection.listDeletedIds(),
    maxId: await collection.maxId(),
    names: await collection.listFields(),
    fields,
    where: plain(await collection.query({ where: "n >= 3 AND tags CONTAINS 'even'" })),
    words: plain(await collection.bm25Search("quick foxes", { k: 9 })),
    sparse: plain(await collection.searchSparse({ 3: 1, 70000: 2 }, { k: 9 })),
    blobs: await blobsOf(collection),
  };
}

/** Answers of all collections of all databases, as plain JSON. */
export async function answersOf(client) {
  const answers = {};
  for (const name of await client.listDatabases()) {
    const database = await client.getDatabase(name);
    answers[name] = {};
    for (const inner of await database.listCollections()) {
      answers[name][inner] = await answersOfCollection(await database.getCollection(inner));
    }
  }
  return JSON.parse(JSON.stringify(answers));
}
