/**
 * Which row is a point of Qdrant?
 *
 * As the scroll call of its REST interface answers (with `with_vector` and `with_payload`): `id`, a number or a UUID, which
 * stays a text; `payload`; `vector`, one list, or one by name, each dense or sparse `{indices, values}`. Reader layer of the
 * command line.
 */
import type { ElementMapping } from "./elements-reader.js";
import { ownId, ownVector } from "./row-reader.js";

type Sparse = { indices: number[]; values: number[] };

/** @param primary Named vector that rows are added with; null: the unnamed one, or the only dense one there is. */
export function qdrantPoint(primary: string | null): ElementMapping {
  return ({ id, payload, vector }) => {
    if (typeof id !== "number" && typeof id !== "string") throw new Error("the point has no id");
    if (vector === undefined || vector === null)
      throw new Error("the point has no vector; scroll with with_vector: true");
    if (payload !== undefined && payload !== null && !isObject(payload)) throw new Error("its payload is no object");
    const values: Record<string, unknown> = { ...(payload as object | null | undefined), [ownId]: id };
    if (Array.isArray(vector)) {
      if (Array.isArray(vector[0])) throw new Error("multivectors cannot be imported");
      return { values: { ...values, [ownVector]: vector } };
    }
    const { named, sparse } = split(vector);
    const chosen = primary ?? onlyName(named);
    const own = chosen === null || !Object.hasOwn(named, chosen) ? undefined : named[chosen];
    if (own === undefined) {
      const names = Object.keys(named).join(", ") || "none";
      throw new Error(`which of its vectors are the rows' own? There are: ${names}; name one with --vectors`);
    }
    const { [chosen as string]: _, ...others } = named;
    return { values: { ...values, [ownVector]: own }, attached: { named: others, sparse } };
  };
}

function onlyName(named: Readonly<Record<string, unknown>>): string | null {
  const names = Object.keys(named);
  if (names.includes("")) return "";
  return names.length === 1 ? (names[0] ?? null) : null;
}

function split(vector: unknown): { named: Record<string, number[]>; sparse: Record<string, Sparse> } {
  const named: [string, number[]][] = [];
  const sparse: [string, Sparse][] = [];
  for (const [name, each] of Object.entries(vector as object)) {
    if (Array.isArray(each) && !Array.isArray(each[0])) named.push([name, each]);
    else if (isObject(each) && Array.isArray(each["indices"]) && Array.isArray(each["values"])) {
      sparse.push([name, { indices: each["indices"], values: each["values"] }]);
    } else throw new Error(`vector ${JSON.stringify(name)} is neither a list of numbers nor {indices, values}`);
  }
  return { named: Object.fromEntries(named), sparse: Object.fromEntries(sparse) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
