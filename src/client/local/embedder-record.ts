/**
 * Where does an embedded collection keep which embedder its vectors come from?
 */
import type { CollectionEngine } from "../../engine/collection-engine.js";
import { fieldDefinition } from "../../engine/field-definition.js";
import type { EmbedderRecord } from "../input/document-vectors.js";

/** The embedder in a collection's configuration. */
export function embedderRecord(engine: CollectionEngine): EmbedderRecord {
  return {
    collection: engine.name,
    embedderName: () => engine.config.embedder?.name,
    dimOf: (fieldName) => fieldDefinition(engine.config, fieldName).dim,
    keep: (embedder) => engine.settings.fixEmbedder(embedder),
  };
}
