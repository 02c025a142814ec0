/**
 * Workload: full text search by BM25, one query at a time, rows with any of the words.
 */
import type { BenchContext } from "../bench-context.js";
import type { WorkloadReport } from "../report.js";
import { textField } from "../text-field.js";
import { runTextRounds, textMethods } from "../text-rounds.js";

export async function measureText(context: BenchContext): Promise<WorkloadReport> {
  const { corpus, settings, texts } = context;
  const queries = corpus.textQueries.map(({ words }) => words);
  const report = await runTextRounds(context, "text", {
    title: `BM25 over ${textField}, ${queries.length} queries of 2 to 5 words joined by "or", k = ${settings.k}`,
    overlapOf: (found) => texts.truth.overlap(queries, found, settings.k, null),
    methods: textMethods,
    notes: ["overlap is with a plain BM25 over words of letters and digits; engines cut words in ways of their own"],
  });
  return withIndexMemory(context, report);
}

/** Adds what our text index takes in memory, beside the bytes of the text. */
async function withIndexMemory(context: BenchContext, report: WorkloadReport): Promise<WorkloadReport> {
  const ours = report.measurements.find(({ role }) => role === "ours");
  const engine = context.engines.find(({ id }) => id === ours?.engine);
  if (engine === undefined) return report;
  const indexBytes = await (await context.texts.searcherOf(engine)).textIndexBytes();
  const textBytes = context.corpus.texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (indexBytes === null || textBytes === 0) return report;
  const ratio = indexBytes / textBytes;
  const sizes = `${(indexBytes / 1e6).toFixed(2)} MB of memory for ${(textBytes / 1e6).toFixed(2)} MB of text`;
  return {
    ...report,
    facts: { ...report.facts, indexBytesPerTextByte: ratio },
    notes: [...report.notes, `our text index takes ${sizes}: ${ratio.toFixed(3)}`],
  };
}
