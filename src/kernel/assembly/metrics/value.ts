/**
 * What is a row's value under a metric, and what is prepared for it once a query?
 */
import { padded4, Q_DIM, Q_FLOAT64, Q_METRIC, STATE_HEADER } from "../scan/layout";
import { bits, writeSetLanes } from "./bits";
import { massOf } from "./components";
import {
  hellinger,
  jensenShannon,
  wasserstein,
  writeCumulatedShares,
  writeShares,
} from "./distributions";
import { roundOperand } from "./distribution-bounds";
import { haversine, setPlace } from "./places";
import {
  brayCurtis,
  canberra,
  chebyshev,
  codeviation,
  correlation,
  manhattan,
  meanOf,
  writeDeviations,
} from "./profiles";
import {
  BRAY_CURTIS,
  CANBERRA,
  CHEBYSHEV,
  CORRELATION,
  DICE,
  HAVERSINE,
  HELLINGER,
  L1,
  M_MASS,
  WASSERSTEIN,
} from "./state";

/** Makes the operand of the query whose float32 components are in place. */
export function prepare(state: usize, metric: i32, dim: i32): void {
  const query = state + STATE_HEADER;
  const operand = state + load<u32>(state, Q_FLOAT64);
  const dim4 = padded4(dim);
  for (let i = <usize>dim; i < dim4; i++) store<f32>(query + (i << 2), 0);
  if (metric <= DICE) {
    store<f64>(state, <f64>writeSetLanes(query, dim4, operand), M_MASS);
  } else if (metric == CORRELATION) {
    writeDeviations(query, dim, dim4, meanOf<f32>(query, dim, dim4), operand);
    store<f64>(state, codeviation<f32>(state, query, operand, dim, dim4), M_MASS);
  } else if (metric >= HELLINGER) {
    const mass = massOf<f32>(query, dim4);
    store<f64>(state, mass, M_MASS);
    if (metric == WASSERSTEIN) writeCumulatedShares(query, dim4, mass, operand);
    else {
      writeShares(query, dim4, mass, metric == HELLINGER, operand);
      roundOperand(state, dim4);
    }
  } else if (metric == HAVERSINE) {
    setPlace(state, query);
  } else {
    for (let i: usize = 0; i < dim4; i++) store<f64>(operand + (i << 3), <f64>load<f32>(query + (i << 2)));
  }
}

// @ts-ignore: decorator
@inline
function valueOf<E>(state: usize, metric: i32, row: usize, operand: usize, dim: i32): f64 {
  const dim4 = padded4(dim);
  if (metric <= DICE) return bits<E>(metric, <u32>load<f64>(state, M_MASS), row, operand, dim4);
  if (metric == L1) return manhattan<E>(row, operand, dim4);
  if (metric == CHEBYSHEV) return chebyshev<E>(row, operand, dim4);
  if (metric == CANBERRA) return canberra<E>(row, operand, dim4);
  if (metric == BRAY_CURTIS) return brayCurtis<E>(row, operand, dim4);
  if (metric == HAVERSINE) return haversine<E>(state, row);
  if (metric == CORRELATION) return correlation<E>(state, row, state + STATE_HEADER, operand, dim, dim4);
  if (metric == HELLINGER) return hellinger<E>(state, row, operand, dim4);
  if (metric == WASSERSTEIN) return wasserstein<E>(state, row, operand, dim, dim4);
  return jensenShannon<E>(state, row, operand, dim4);
}

/** Value of the row stored at `row`, from the query that the state was prepared for; never NaN for finite rows. */
export function valueAt<E>(state: usize, row: usize): f64 {
  const operand = state + load<u32>(state, Q_FLOAT64);
  return valueOf<E>(state, load<i32>(state, Q_METRIC), row, operand, load<i32>(state, Q_DIM));
}
