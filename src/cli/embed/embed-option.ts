/**
 * Which embedder makes the vectors of texts?
 *
 * The one that `--embed` names, else the one that the collection's vectors come from, which its name tells: `hash/…`
 * and `openai/…` can be made again, any other model runs in the application that has it. `$OPENAI_API_KEY` is the
 * service's key, `$OPENAI_BASE_URL` another service that speaks like it.
 */
import { type Command, InvalidArgumentError } from "commander";
import { LynseError } from "../../errors.js";
import { type Collection, type Embedder, hashEmbedder, openAIEmbedder } from "../../index.js";

/** What `--embed` names. */
export interface EmbedChoice {
  readonly kind: "hash" | "openai";
  /** Length of the vectors; null: the collection's, else the embedder's own. */
  readonly dim: number | null;
  /** Model of the service; null: the embedder's own. */
  readonly model: string | null;
  readonly seed?: number;
}

const hashDimMax = 16_384;

export function addEmbedOption(command: Command, purpose: string): Command {
  return command.option("--embed <name>", `${purpose}: hash, hash:<dim>, openai or openai:<model>`, embedChoice);
}

function embedChoice(text: string): EmbedChoice {
  const [, kind, detail = null] = /^(hash|openai)(?::(.+))?$/.exec(text) ?? [];
  if (kind === "openai") return { kind, dim: null, model: detail };
  if (kind !== "hash") {
    throw new InvalidArgumentError("hash, hash:<dim>, openai or openai:<model> is wanted.");
  }
  const dim = detail === null ? null : Number(detail);
  if (dim !== null && !(Number.isInteger(dim) && dim >= 1 && dim <= hashDimMax)) {
    throw new InvalidArgumentError(`The dimension of hash must be a whole number from 1 to ${hashDimMax}.`);
  }
  return { kind, dim, model: null };
}

/** The embedder for texts to search with in a field of a collection. */
export async function queryEmbedder(
  collection: Collection,
  choice: EmbedChoice | undefined,
  vectorField: string,
): Promise<Embedder> {
  const fields = await collection.listVectorFields();
  const dim = fields.find((field) => field.name === vectorField)?.dim ?? null;
  return await collectionEmbedder(collection, choice, dim);
}

/** The embedder that was chosen, else the collection's own, for vectors of `dim` numbers where that is known. */
export async function collectionEmbedder(
  collection: Collection | null,
  choice: EmbedChoice | undefined,
  dim: number | null,
): Promise<Embedder> {
  if (choice !== undefined) return makeEmbedder(choice, dim);
  const own = collection === null ? null : (await collection.stats()).embedder;
  const known = own === null ? null : choiceOf(own.name);
  if (known !== null) return makeEmbedder(known, dim);
  const what =
    own === null
      ? "no embedder is known that makes vectors of texts here"
      : `the vectors were made by ${own.name}, which this command cannot run`;
  throw new LynseError("INVALID_ARGUMENT", `${what}; name one with --embed hash or --embed openai`, {
    option: "--embed",
  });
}

function makeEmbedder({ kind, model, seed, ...choice }: EmbedChoice, dim: number | null): Embedder {
  const wanted = choice.dim ?? dim;
  if (kind === "hash") {
    return hashEmbedder({ ...(wanted === null ? {} : { dim: wanted }), ...(seed === undefined ? {} : { seed }) });
  }
  const { OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: baseUrl } = process.env;
  const options = {
    ...(apiKey === undefined || apiKey === "" ? {} : { apiKey }),
    ...(baseUrl === undefined || baseUrl === "" ? {} : { baseUrl }),
    ...(model === null ? {} : { model }),
  };
  const embedder = openAIEmbedder(options);
  // Only some models can shorten their vectors, so that is asked for only where it is needed.
  if (wanted === null || embedder.dim === undefined || embedder.dim === wanted) return embedder;
  return openAIEmbedder({ ...options, dimensions: wanted });
}

/** The choice that an embedder's name stands for; null for one of an application. */
function choiceOf(name: string): EmbedChoice | null {
  const [, hashDim, seed] = /^hash\/1\/(\d+)\/(\d+)$/.exec(name) ?? [];
  if (hashDim !== undefined) return { kind: "hash", dim: Number(hashDim), model: null, seed: Number(seed) };
  const [, model, dimensions] = /^openai\/(.+?)(?:\/(\d+))?$/.exec(name) ?? [];
  if (model === undefined) return null;
  return { kind: "openai", dim: dimensions === undefined ? null : Number(dimensions), model };
}
