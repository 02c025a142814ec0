/**
 * Under which conditions was it measured?
 */
import { formatCount } from "../print/quantity.js";
import type { TuneReport } from "./tune-report.js";

/** Labels and texts, for a terminal and for a page. */
export function tuneFacts(report: TuneReport): [label: string, text: string][] {
  const { rows, copiedRows, queries, k, where } = report;
  const isSample = copiedRows + queries < rows;
  const copied = `${isSample ? "a sample of " : ""}${formatCount(copiedRows)} of ${formatCount(rows)} rows`;
  const growth =
    `over all rows, exact search takes about ${(rows / copiedRows).toFixed(1)} times as long, and an index needs somewhat ` +
    "more effort for the same recall";
  return [
    ["collection", `${report.database}/${report.collection}, ${report.dim} dimensions, metric ${report.metric}`],
    ["copy", `${copied}, in memory; the collection itself was only read`],
    ...(isSample ? [["sample", growth] as [string, string]] : []),
    [
      "queries",
      `${formatCount(queries)} rows drawn from the collection and left out of the copy, one at a time, k = ${k}`,
    ],
    ...(where === null ? [] : [["filter", where] as [string, string]]),
    ["recall", "share of the true nearest rows found, against exact search; ties count"],
  ];
}
