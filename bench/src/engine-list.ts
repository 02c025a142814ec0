/**
 * Which engines can be measured?
 */
import type { Engine } from "./engine.js";
import { hnswlibEngine } from "./engines/hnswlib.js";
import { lancedbEngine } from "./engines/lancedb.js";
import { lynsedbEngine } from "./engines/lynsedb.js";
import { lynsedbFloatEngine } from "./engines/lynsedb-float.js";
import { sqliteVecEngine } from "./engines/sqlite-vec.js";
import { usearchEngine } from "./engines/usearch.js";
import { zvecEngine } from "./engines/zvec.js";

/** Every engine, ours first. */
export const engineList: readonly Engine[] = [
  lynsedbEngine,
  lynsedbFloatEngine,
  hnswlibEngine,
  usearchEngine,
  lancedbEngine,
  zvecEngine,
  sqliteVecEngine,
];

/** The engine called `id`. */
export function engineById(id: string): Engine {
  const engine = engineList.find((candidate) => candidate.id === id);
  if (engine === undefined) {
    throw new Error(`no engine is called ${id}; there are ${engineList.map((known) => known.id).join(", ")}`);
  }
  return engine;
}
