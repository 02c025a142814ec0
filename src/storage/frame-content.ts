/**
 * What does a frame of the log say?
 *
 * The index section of each kind, decoded; who may believe it is for the replay to say.
 */
import { decodeFieldVectorsSection } from "./field-vectors-section.js";
import { type FrameHeader, frameHeaderBytes, frameKinds } from "./log-frame.js";
import { decodeMovedRowsSection } from "./moved-rows-section.js";
import type { ReplayedRows } from "./replay-visitor.js";
import { decodeRowListSection } from "./row-list-section.js";
import { decodeRowsSection } from "./rows-section.js";
import { decodeSparseSection } from "./sparse-section.js";
import type { MovedRows, StoredFieldVectors, StoredSparse } from "./transaction.js";

export type FrameContent =
  | { readonly kind: "rows"; readonly rows: ReplayedRows; readonly dim: number }
  | { readonly kind: "superseded" | "deleted" | "restored"; readonly list: Uint32Array }
  | { readonly kind: "moved"; readonly moved: MovedRows }
  | { readonly kind: "fieldVectors"; readonly part: StoredFieldVectors; readonly dim: number }
  | { readonly kind: "sparse"; readonly part: StoredSparse };

const listKinds: Readonly<Record<number, "superseded" | "deleted" | "restored">> = {
  [frameKinds.superseded]: "superseded",
  [frameKinds.deleted]: "deleted",
  [frameKinds.restored]: "restored",
};

/**
 * What the frame at `offset` says, whose index section is `index`, from offset 0 of its buffer; a text when it contradicts
 * itself, null when its kind is unknown.
 */
export function decodeFrameContent(
  header: FrameHeader,
  index: Uint8Array,
  offset: number,
): FrameContent | string | null {
  const { kind, blobBytes } = header;
  const blobOffset = offset + frameHeaderBytes + header.indexBytes;
  if (kind === frameKinds.rows) {
    const section = decodeRowsSection(index, blobBytes);
    if (typeof section === "string") return section;
    const { dim, ...rows } = section;
    return { kind: "rows", dim, rows: { ...rows, fieldOffset: blobOffset } };
  }
  if (kind === frameKinds.moved) {
    const moved = decodeMovedRowsSection(index);
    return moved === null ? "the pairs of moved rows cannot be read" : { kind: "moved", moved };
  }
  if (kind === frameKinds.fieldVectors) {
    const section = decodeFieldVectorsSection(index);
    return section === null ? "the slots of a vector field cannot be read" : { kind: "fieldVectors", ...section };
  }
  if (kind === frameKinds.sparse) {
    const section = decodeSparseSection(index, blobBytes);
    return typeof section === "string" ? section : { kind: "sparse", part: { ...section, offset: blobOffset } };
  }
  const listKind = listKinds[kind];
  if (listKind === undefined) return null;
  const list = decodeRowListSection(index);
  return list === null ? "the list of rows cannot be read" : { kind: listKind, list };
}
