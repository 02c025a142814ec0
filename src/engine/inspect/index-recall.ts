/**
 * Does each index find what an exact search finds?
 *
 * Rows drawn from the field by a seed ask for their nearest, themselves included; the index as searches use it, with its
 * default effort, against the exact scan. Compared by value, so that rows of equal distance are no misses. For that the
 * collection is opened as any reader opens it, which needs the memory that its vectors need.
 */
import { assert, isLynseError } from "../../errors.js";
import { familyOf } from "../../index/index-families.js";
import { parseIndexName } from "../../index/index-name.js";
import { isHigherBetter } from "../../index/metric/metric-order.js";
import type { KernelPool } from "../../kernel/kernel-pool.js";
import { searchField } from "../../query/field-search.js";
import { type RowFilter, resolveFilter } from "../../query/row-filter.js";
import type { CollectionStore } from "../../storage/collection-store.js";
import type { FindingList } from "../../storage/inspect/finding.js";
import type { StoredFiles } from "../../storage/inspect/stored-files.js";
import { Generation } from "../generation.js";
import type { VectorField } from "../vector-field.js";
import type { IndexReport, InspectOptions } from "./collection-report.js";

const k = 10;
/** Share of the memory that is free which a collection may take up for this. */
const memoryShare = 0.6;
/** Recall below which an index is suspected to be broken; coarse ones are above it. */
const recallMin = 0.5;
/** Values that differ by less, relative to the last one, are equal: exact scans and indexes round in other orders. */
const slack = 1e-4;

export async function measureIndexes(
  open: () => Promise<CollectionStore>,
  pool: KernelPool,
  files: StoredFiles,
  findings: FindingList,
  options: InspectOptions,
): Promise<readonly IndexReport[]> {
  const { config } = files.manifest;
  const named = config.vectorFields ?? [];
  const wanted = [{ name: "default", index: config.index }, ...named].filter(({ index }) => isBuilt(index));
  if (wanted.length === 0) return [];
  const needed = files.vectorFiles.reduce((sum, { bytes }) => sum + bytes, 0) * 1.5;
  const free = globalThis.process?.availableMemory?.() ?? Number.POSITIVE_INFINITY;
  if (needed > free * memoryShare && options.depth !== "deep") {
    findings.add({
      ...{ severity: "note", code: "index-recall", file: files.folder },
      problem: `the recall of indexes was not measured: that takes about ${Math.ceil(needed / 1e6)} MB of memory`,
      advice: "measure it on a machine with more memory, or force it with --deep",
    });
    return [];
  }
  const store = await open();
  let generation: Generation;
  try {
    generation = await Generation.open(store, pool);
  } catch (error) {
    await store.close();
    if (!isLynseError(error)) throw error;
    findings.add({
      ...{
        severity: "error",
        code: "unreadable",
        file: files.folder,
        problem: `the collection cannot be opened: ${error.message}`,
      },
      advice: 'run "lynse repair"',
    });
    return [];
  }
  try {
    return await measureAll(
      generation,
      wanted.map(({ name }) => name),
      files,
      findings,
      options,
    );
  } finally {
    await generation.retire();
  }
}

/** True where an index has files of its own. */
function isBuilt(index: string | null): boolean {
  return index !== null && familyOf(parseIndexName(index)) !== null;
}

async function measureAll(
  generation: Generation,
  names: readonly string[],
  files: StoredFiles,
  findings: FindingList,
  options: InspectOptions,
): Promise<IndexReport[]> {
  const filter = await resolveFilter(generation, { where: null, filterIds: null, signal: options.signal });
  const reports: IndexReport[] = [];
  for (const name of names) {
    const field = generation.vectorField(name);
    const inField = generation.namedField(name)?.view(filter).filter ?? filter;
    const label = field.definition.index!;
    const empty = { field: name, name: label, rows: null, recall: null, k, queries: 0 };
    const held = field.index.hold();
    if (held === null) {
      reports.push(empty);
      findings.add({
        ...{ severity: "warning", code: "index", file: files.folder },
        problem: `the index ${label} of ${name} is not on disk, or cannot be read`,
        affects: "no rows: searches scan all vectors until it is there",
        advice: "nothing has to be done: the next writable open builds it again",
      });
      continue;
    }
    try {
      const { recall, queries } = await recallOf(field, inField, options);
      reports.push({ ...empty, rows: held.index.rowCount, recall, queries });
      if (recall === null || recall >= recallMin) continue;
      findings.add({
        ...{ severity: "warning", code: "index-recall", file: files.folder },
        problem: `the index ${label} of ${name} finds ${Math.round(recall * 100)} % of the ${k} nearest`,
        affects: "what searches find; the rows are all there",
        advice: 'build it again with "lynse index", with other parameters where that changes nothing ("lynse tune")',
      });
    } catch (error) {
      if (!isLynseError(error) || error.code === "ABORTED") throw error;
      reports.push({ ...empty, rows: held.index.rowCount });
      findings.add({
        ...{
          severity: "error",
          code: "index",
          file: String(error.details["file"] ?? files.folder),
          problem: error.message,
        },
        affects: "searches that reach it; the rows are all there",
        advice: 'run "lynse repair", which removes the index; it is built again',
      });
    } finally {
      held.release();
    }
  }
  return reports;
}

async function recallOf(
  { field, index, definition: { metric } }: VectorField,
  filter: RowFilter,
  { queries: wanted, seed, signal }: InspectOptions,
): Promise<{ readonly recall: number | null; readonly queries: number }> {
  const slots = drawSlots(filter, wanted, seed);
  if (field === null || slots.length === 0) return { recall: null, queries: 0 };
  const held = index.hold();
  assert(held !== null, "the index that was held a moment ago is there");
  try {
    const vectors = await field.readRows(slots);
    let right = 0;
    let total = 0;
    for (let at = 0; at < slots.length; at++) {
      const query = vectors.slice(at * field.dim, (at + 1) * field.dim);
      const request = { metric, query, k, nprobe: null, signal };
      const exact = (await searchField(field, null, filter, { ...request, exact: true })).values;
      const found = (await searchField(field, held.index, filter, { ...request, exact: false })).values;
      total += exact.length;
      right += countRight(exact, found, isHigherBetter(metric));
    }
    return { recall: total === 0 ? null : right / total, queries: slots.length };
  } finally {
    held.release();
  }
}

/** Distinct slots of the filter, drawn by a linear congruential generator (Numerical Recipes). */
function drawSlots(filter: RowFilter, wanted: number, seed: number): number[] {
  const drawn = new Set<number>();
  let state = seed >>> 0;
  const { mask, rowCount, count } = filter;
  for (let tries = 0; drawn.size < Math.min(wanted, count) && tries < wanted * 200; tries++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const slot = Math.floor((state / 2 ** 32) * rowCount);
    if (mask === null || (mask[slot >>> 5]! & (1 << (slot & 31))) !== 0) drawn.add(slot);
  }
  return [...drawn].sort((a, b) => a - b);
}

/** Found values that are as good as the last of the exact ones. */
function countRight(exact: ArrayLike<number>, found: ArrayLike<number>, isHigher: boolean): number {
  const last = exact[exact.length - 1] ?? 0;
  const room = slack * Math.max(Math.abs(last), 1e-3);
  let right = 0;
  for (let at = 0; at < Math.min(found.length, exact.length); at++) {
    const value = found[at]!;
    if (isHigher ? value >= last - room : value <= last + room) right += 1;
  }
  return right;
}
