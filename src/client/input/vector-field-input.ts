/**
 * What is a new vector field to be?
 */
import { checkDim, describe } from "../../engine/vector-input.js";
import { LynseError } from "../../errors.js";
import { parseIndexName } from "../../index/index-name.js";
import { checkMetricDim } from "../../index/metric/metric-contract.js";
import type { VectorFieldConfig } from "../../storage/manifest.js";
import { checkVectorFieldName } from "../../storage/vector-field-name.js";
import type { Dtype, Metric } from "../../types.js";
import { checkOptions } from "../check-options.js";

/** The configuration of a named field, from what `createVectorField` was given. */
export function vectorFieldInput(name: unknown, options: unknown): VectorFieldConfig {
  checkVectorFieldName(name, []);
  checkOptions(options ?? null, ["dim", "metric", "index", "dtype"], "createVectorField");
  const { dim: givenDim, metric: givenMetric, index: givenIndex, dtype } = options as Record<string, unknown>;
  const dim = checkDim(givenDim);
  const index = givenIndex === undefined || givenIndex === null ? null : parseIndexName(givenIndex as string);
  const metric = givenMetric === undefined ? (index?.metric ?? "ip") : checkMetric(givenMetric);
  if (index !== null && index.metric !== metric) {
    throw new LynseError(
      "INVALID_ARGUMENT",
      `index ${index.name} measures by ${index.metric}, metric ${metric} was asked for; leave one of them out`,
      { index: index.name, metric },
    );
  }
  checkMetricDim(metric, dim);
  return { name, dim, dtype: checkDtype(dtype ?? "float32"), metric, index: index?.name ?? null };
}

function checkMetric(metric: unknown): Metric {
  if (typeof metric === "string") return parseIndexName(`FLAT-${metric.toUpperCase().replaceAll("_", "-")}`).metric;
  throw new LynseError("INVALID_ARGUMENT", `metric must be the name of a metric, got ${describe(metric)}`);
}

/** How components are stored. */
export function checkDtype(dtype: unknown): Dtype {
  if (dtype === "float32" || dtype === "float16") return dtype;
  throw new LynseError("INVALID_ARGUMENT", `dtype must be "float32" or "float16", got ${describe(dtype)}`);
}
