/**
 * What does a collection without particulars look like?
 */
import type { CollectionConfig } from "../../src/storage/manifest.js";

export const config: CollectionConfig = {
  dim: 3,
  dtype: "float32",
  index: null,
  defaultIndex: null,
  description: null,
  createdAt: "2026-01-01T00:00:00.000Z",
};
