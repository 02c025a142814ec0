/**
 * Who listens to a replay whose end alone is asked for?
 */
import type { ReplayVisitor } from "./replay-visitor.js";

export const silentVisitor: ReplayVisitor = {
  rows: () => {},
  superseded: () => {},
  deleted: () => {},
  restored: () => {},
  moved: () => {},
  fieldVectors: () => {},
  sparse: () => {},
};
