/**
 * What did the command line ask for?
 */
import { parseArgs } from "node:util";
import { indexWorkloadNames, type WorkloadName, workloadNames } from "./engine.js";
import { engineList } from "./engine-list.js";

export interface BenchOptions {
  /** Directory of the corpus; null for a synthetic one. */
  readonly corpus: string | null;
  readonly name: string;
  readonly dim: number;
  readonly engines: readonly string[];
  readonly workloads: readonly WorkloadName[];
  /** What was asked for, for names of files: empty where nothing was. */
  readonly workloadsAsked: string;
  readonly rounds: number;
  readonly queries: number;
  readonly seed: number;
  readonly isQuick: boolean;
  /** Build an HNSW index over a million rows, too. */
  readonly isScaleIndexed: boolean;
  readonly packageDirectory: string | null;
  readonly isHelp: boolean;
}

export const usage = `npm run bench -- [options]
  --corpus DIR      directory with NAME-DIM.f32 and NAME.jsonl; without it a clustered synthetic corpus is made
  --name NAME       name of the corpus (default: clustered)
  --dim N           dimensions (default: 128)
  --engines a,b     of ${engineList.map((engine) => engine.id).join(", ")} (default: all)
  --workloads a,b   of ${workloadNames.join(", ")}; or all,
                    or index for ${indexWorkloadNames.join(", ")} (default: all but scale)
  --rounds N        rounds in which the engines take turns (default: 5; quick: 2)
  --queries N       rows held out as queries (default: 100; curves are smoother with 500)
  --seed N          seed of queries and synthetic rows (default: 1)
  --quick           fewer rounds and smaller sizes: to see that everything runs, not to quote
  --scale-index     with the workload scale: an HNSW index over the most rows, too; takes minutes
  --lynse DIR       built package to measure (default: ../dist), to compare two builds
`;

function wholeNumber(text: string, name: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new Error(`--${name} must be an integer of at least ${least}, got ${text}`);
}

function chosen<T extends string>(text: string | undefined, known: readonly T[], name: string): readonly T[] {
  if (text === undefined || text === "all") return known;
  return text.split(",").map((item) => {
    const match = known.find((candidate) => candidate === item);
    if (match === undefined) throw new Error(`--${name}: there is no ${item}; there are ${known.join(", ")}`);
    return match;
  });
}

/** Reads the arguments; throws an error that says what is wrong with them. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      corpus: { type: "string" },
      name: { type: "string", default: "clustered" },
      dim: { type: "string", default: "128" },
      engines: { type: "string" },
      workloads: { type: "string" },
      rounds: { type: "string" },
      queries: { type: "string", default: "100" },
      seed: { type: "string", default: "1" },
      quick: { type: "boolean", default: false },
      "scale-index": { type: "boolean", default: false },
      lynse: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const engineIds = engineList.map((engine) => engine.id);
  const wanted = values.workloads === "index" ? indexWorkloadNames.join(",") : values.workloads;
  const asked = chosen(wanted, workloadNames, "workloads");
  const byDefault = workloadNames.filter((name) => name !== "scale");
  return {
    corpus: values.corpus ?? null,
    name: values.name,
    dim: wholeNumber(values.dim, "dim", 1),
    engines: chosen(values.engines, engineIds, "engines"),
    workloads: values.workloads === undefined ? byDefault : asked,
    workloadsAsked: values.workloads?.replaceAll(",", "+") ?? "",
    rounds: wholeNumber(values.rounds ?? (values.quick ? "2" : "5"), "rounds", 1),
    queries: wholeNumber(values.queries, "queries", 1),
    seed: wholeNumber(values.seed, "seed", 0),
    isQuick: values.quick,
    isScaleIndexed: values["scale-index"],
    packageDirectory: values.lynse ?? null,
    isHelp: values.help,
  };
}
