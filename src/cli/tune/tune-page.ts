/**
 * How does a measurement look as a page that can be passed on?
 *
 * One self-contained HTML document: what to do, the picture, and every figure in a table, in the reader's light or dark
 * colours. No script and nothing to load.
 */
import { formatBytes, formatCount, formatDuration } from "../print/quantity.js";
import { escapeHtml } from "./escape-html.js";
import type { Recommendation } from "./recommendation.js";
import { tuneCurve } from "./tune-curve.js";
import { tuneFacts } from "./tune-facts.js";
import type { TuneMode, TuneReport } from "./tune-report.js";

const style = `
:root { color-scheme: light dark; --page: #ffffff; --ink: #0f172a; --soft: #475569; --rule: #dbe2ea; --mark: #eef4fb;
  --line-1: #475569; --line-2: #0b5cad; --line-3: #c2410c; --line-4: #15803d; --line-5: #7e22ce; --line-6: #b91c1c;
  --line-7: #0f766e; }
@media (prefers-color-scheme: dark) { :root { --page: #0f1720; --ink: #e6edf5; --soft: #9fb0c3; --rule: #2b3a4a;
  --mark: #17283a; --line-1: #a9b8c9; --line-2: #6db3ff; --line-3: #ff9b66; --line-4: #63d489; --line-5: #cf9bff;
  --line-6: #ff8a8a; --line-7: #4fd1c5; } }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 4rem; background: var(--page); color: var(--ink);
  font: 1rem/1.55 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 0.5rem; }
pre { background: var(--mark); padding: 0.75rem 1rem; border-radius: 6px; overflow-x: auto; font-size: 0.95rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.15rem 1.25rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
svg { display: block; width: 100%; height: auto; font-size: 13px; margin-top: 0.5rem; }
svg text { fill: var(--ink); } svg .tick, svg .note { fill: var(--soft); font-size: 12px; }
svg .grid { stroke: var(--rule); } svg .axis { stroke: var(--soft); fill: none; }
svg .target { stroke: var(--soft); stroke-dasharray: 6 4; } svg .chosen { stroke: var(--ink); stroke-width: 2.5; }
.table { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.75rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule); }
th:first-child, td:first-child { text-align: left; } td.reason { text-align: left; white-space: normal; }
thead th { color: var(--soft); font-weight: 600; } tr.chosen { background: var(--mark); font-weight: 600; }
caption { text-align: left; color: var(--soft); padding-bottom: 0.5rem; }
`.trim();

export function tunePage(report: TuneReport, chosen: Recommendation): string {
  const title = `Indexes for ${report.database}/${report.collection}`;
  const facts = tuneFacts(report).map(([name, text]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(text)}</dd>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>
${style}
</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(chosen.sentence)}</p>
<pre><code>${escapeHtml(chosen.command)}</code></pre>
<h2>Recall and speed</h2>
${tuneCurve(report, chosen.point)}
<h2>Figures</h2>
${figureTable(report, chosen)}
<h2>How it was measured</h2>
<dl>
${facts.join("\n")}
</dl>
</main>
</body>
</html>
`;
}

const headings = ["index", "nprobe", "recall", "mean", "p95", "queries/s", "build", "memory"];

function figureTable(report: TuneReport, chosen: Recommendation): string {
  const head = headings.map((heading) => `<th scope="col">${heading}</th>`).join("");
  return [
    '<div class="table"><table>',
    `<caption>One line a measured effort; the recommended one is marked. Times are of one query at a time.</caption>`,
    `<thead><tr>${head}</tr></thead>`,
    "<tbody>",
    ...report.modes.flatMap((mode) => modeRows(mode, chosen)),
    "</tbody></table></div>",
  ].join("\n");
}

function modeRows(mode: TuneMode, chosen: Recommendation): string[] {
  const name = `<th scope="row">${escapeHtml(mode.mode)}</th>`;
  if (mode.failure !== null) {
    const reason = `not measured: ${escapeHtml(mode.failure)}`;
    return [`<tr>${name}<td class="reason" colspan="${headings.length - 1}">${reason}</td></tr>`];
  }
  return mode.points.map((point) => {
    const cells = [
      point.effort === null ? "" : String(point.effort),
      mode.isExact || !point.usesIndex ? "exact" : point.recall.toFixed(4),
      formatDuration(point.meanMs),
      formatDuration(point.p95Ms),
      formatCount(Math.round(1000 / point.meanMs)),
      mode.isExact ? "" : formatDuration(mode.buildSeconds * 1000),
      formatBytes(mode.memoryBytes),
    ];
    const isChosen = point === chosen.point;
    const row = `${name}${cells.map((cell) => `<td>${cell}</td>`).join("")}`;
    return `<tr${isChosen ? ' class="chosen" aria-label="recommended"' : ""}>${row}</tr>`;
  });
}
