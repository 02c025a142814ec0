import { VectorDBClient, where } from "lynsedb";

interface Doc {
  title: string;
  lang: string;
}

const client = new VectorDBClient("./data");
const db = await client.createDatabase("app");
const docs = await db.requireCollection<Doc>("docs", { dim: 4, defaultIndex: "FLAT-COS" });

await docs.insertSession(async (session) => {
  await session.addItem([0.1, 0.2, 0.3, 0.4], { id: 1, field: { title: "Vector databases", lang: "en" } });
  await session.addItem([0.4, 0.3, 0.2, 0.1], { id: 2, field: { title: "Full-text search", lang: "en" } });
  await session.addItem([0.1, 0.2, 0.3, 0.5], { id: 3, field: { title: "Vektordatenbanken", lang: "de" } });
});

const result = await docs.search([0.1, 0.2, 0.3, 0.4], { k: 2, where: where`lang = ${"en"}`, returnFields: true });
for (const { id, distance, field } of result) console.log(id, distance?.toFixed(3), field?.title);

await client.close();
