/**
 * How does `lynse search` search, and what does it show?
 *
 * One call of the API for each kind of search, then a table or JSON lines of what it gave.
 */
import { type Collection, mmrReranker, type ResultView, type SearchPlan } from "../../index.js";
import { limits } from "../../limits.js";
import { rankOptions } from "../commands/rank-options.js";
import type { SearchFlags } from "../commands/search-command.js";
import { printFacets } from "../print/facet-tables.js";
import { foundRows, printFoundJson, printFoundTable } from "../print/found-rows.js";
import { formatCount, formatDuration } from "../print/quantity.js";
import { tellNoMatch, tellUnknownFields } from "../print/unknown-fields.js";
import type { Terminal } from "../terminal.js";
import { documentQuery, givenVector, hybridQuery, likedId, searchKind, sparseOf } from "./search-target.js";

interface Found {
  readonly view: ResultView;
  readonly profile: SearchPlan | null;
}

export async function runSearch(collection: Collection, flags: SearchFlags, terminal: Terminal): Promise<void> {
  const { view, profile } = await find(collection, flags);
  const rows = foundRows(view, likedId(flags), flags.k);
  const options = { fields: flags.fields ?? null, groupBy: flags.groupBy ?? null };
  if (flags.json === true) {
    await printFoundJson(terminal, rows, options);
    if (view.facets !== null) await terminal.print(JSON.stringify({ facets: view.facets }));
    if (flags.profile === true) await terminal.print(JSON.stringify({ profile }));
    return;
  }
  if (rows.length > 0) await printFoundTable(terminal, rows, { ...options, metric: view.metric });
  else if (profile === null) await tellNoMatch(terminal, collection, flags);
  else terminal.write("no row matches\n");
  if (view.facets !== null) await printFacets(terminal, view.facets);
  if (profile === null) return;
  tellUnknownFields(terminal, profile);
  if (flags.profile !== true) return;
  for (const line of profileLines(profile, flags.where !== undefined)) await terminal.print(line);
}

async function find(collection: Collection, flags: SearchFlags): Promise<Found> {
  const common = commonOptions(flags);
  const ofField = flags.vectorField === undefined ? {} : { vectorField: flags.vectorField };
  const ofText = {
    ...(flags.textFields === undefined ? {} : { textFields: flags.textFields }),
    ...(flags.operator === undefined ? {} : { operator: flags.operator }),
  };
  switch (searchKind(flags)) {
    case "text": {
      const highlight = flags.json === true ? true : { before: "[", after: "]" };
      const marks = flags.highlight === true ? { highlight } : {};
      return { view: await collection.bm25Search(flags.text ?? "", { ...common, ...ofText, ...marks }), profile: null };
    }
    case "sparse":
      return { view: await collection.searchSparse(sparseOf(flags.sparse ?? ""), common), profile: null };
    case "hybrid": {
      const options = { ...common, ...ofField, ...ofText, ...hybridOptions(flags), k: searchedRows(flags) };
      return { view: await collection.hybridSearch(await hybridQuery(collection, flags), options), profile: null };
    }
    case "vector":
      return await findByVector(collection, flags, { ...common, ...ofField });
  }
}

type VectorSearchOptions = ReturnType<typeof commonOptions> & { readonly vectorField?: string };

async function findByVector(collection: Collection, flags: SearchFlags, options: VectorSearchOptions): Promise<Found> {
  const { document } = flags;
  if (document !== undefined) {
    return { view: await collection.search(await documentQuery(collection, document, flags), options), profile: null };
  }
  const id = likedId(flags);
  // Groups, counts and other fields are asked for with the row left out from the beginning.
  const isRanked = flags.groupBy !== undefined || flags.facet !== undefined || flags.mmr !== undefined;
  if (id !== null && flags.profile !== true && (isRanked || flags.vectorField !== undefined)) {
    return { view: await collection.recommend({ positive: [id] }, options), profile: null };
  }
  const vector = await givenVector(collection, flags);
  const { items, profile } = await collection.searchProfile(vector, { ...options, k: searchedRows(flags) });
  return { view: items, profile };
}

/** One row more than asked for where a row is asked about, since it finds itself. */
function searchedRows(flags: SearchFlags): number {
  return flags.like === undefined ? flags.k : Math.min(flags.k + 1, limits.kMax);
}

function commonOptions(flags: SearchFlags) {
  return {
    k: flags.k,
    returnFields: true,
    ...(flags.where === undefined ? {} : { where: flags.where }),
    ...(flags.params === undefined ? {} : { params: flags.params }),
    ...(flags.mmr === undefined ? {} : { reranker: mmrReranker({ lambda: flags.mmr }) }),
    ...rankOptions(flags),
  };
}

function hybridOptions(flags: SearchFlags) {
  return {
    ...(flags.fusion === undefined ? {} : { fusion: flags.fusion }),
    ...(flags.rrfK === undefined ? {} : { rrfK: flags.rrfK }),
    ...(flags.candidates === undefined ? {} : { candidateLimit: flags.candidates }),
    ...flags.weights,
  };
}

function profileLines(profile: SearchPlan, hasFilter: boolean): string[] {
  const us = (microseconds: number): string => formatDuration(microseconds / 1000);
  const matches =
    `${formatCount(profile.matches)} match the filter ` +
    `(${formatCount(Math.round(profile.matchesEstimated))} estimated)`;
  return [
    "",
    `plan      ${profile.plan}, first pass ${profile.firstPass}, index ${profile.index}, metric ${profile.metric}`,
    `rows      ${formatCount(profile.rows)} live, ${hasFilter ? matches : "no filter"}`,
    `scored    ${formatCount(profile.rowsScored)} in the first pass, ` +
      `${formatCount(profile.rowsRescored)} again exactly`,
    `time      ${us(profile.totalUs)}: filter ${us(profile.filterUs)}, search ${us(profile.searchUs)}, ` +
      `fetch ${us(profile.fetchUs)}`,
  ];
}
