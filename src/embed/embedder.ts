/**
 * What turns texts into vectors?
 *
 * The contract with an application's model. Any function from texts to vectors will do; one that also says who it is
 * lets a collection remember the model that its vectors come from. Types only; imported by the embedders and the
 * client.
 */

/** What an embedder may want to know besides the texts. */
export interface EmbedContext {
  /** Ends the work; an embedder that can stop rejects. */
  readonly signal?: AbortSignal;
  /** Whether the texts are to be found or to be searched with: some models embed the two differently. */
  readonly purpose?: "document" | "query";
}

/** One vector a text, as an embedder gives them. */
export type EmbeddedTexts = readonly (Float32Array | readonly number[])[];

/** Gives one vector for each text, in order, all of one length. */
export type EmbedFunction = (
  texts: readonly string[],
  context?: EmbedContext,
) => Promise<EmbeddedTexts> | EmbeddedTexts;

/** A function that may say who it is. */
export type Embedder = EmbedFunction & {
  /** The model and what else its vectors depend on; a collection refuses another. */
  readonly embedderName?: string;
  /** Length of the vectors, where it is known beforehand. */
  readonly dim?: number;
  /** Texts that one call should be given. */
  readonly batchSize?: number;
};
