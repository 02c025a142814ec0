/**
 * How far apart are two places on Earth?
 *
 * Great-circle distance in metres on a sphere of the mean radius 6,371,008.8 m (Moritz, "Geodetic Reference System
 * 1980", Journal of Geodesy 74, 2000), of places given as longitude and latitude in degrees. With
 * h = sin²(Δφ/2) + cos φ₁·cos φ₂·sin²(Δλ/2) (Sinnott, "Virtues of the Haversine", Sky and Telescope 68, 1984) the
 * angle is 2·asin √h; beyond a quarter of the circle it is π − 2·asin √(1 − h), where
 * 1 − h = cos²(Δφ/2)·cos²(Δλ/2) + sin²(Δλ/2)·sin²((φ₁ + φ₂)/2) is a sum of squares too. So no distance, from
 * neighbours to antipodes, loses digits to cancellation. Longitudes wrap; a latitude over 90° is infinitely far from
 * all.
 */
import { four } from "./components";
import { M_COSINE, M_LATITUDE, M_LONGITUDE } from "./state";

const EARTH_RADIUS_METRES: f64 = 6371008.8;
const PI: f64 = 3.141592653589793;

/** Sine of 0 to 90 degrees, relative error below 4e-16: Taylor's series to x²¹. */
function sine(degrees: f64): f64 {
  const x = degrees * (PI / 180);
  const y = x * x;
  let sum: f64 = 1.0 / 51090942171709440000;
  sum = sum * y - 1.0 / 121645100408832000;
  sum = sum * y + 1.0 / 355687428096000;
  sum = sum * y - 1.0 / 1307674368000;
  sum = sum * y + 1.0 / 6227020800;
  sum = sum * y - 1.0 / 39916800;
  sum = sum * y + 1.0 / 362880;
  sum = sum * y - 1.0 / 5040;
  sum = sum * y + 1.0 / 120;
  sum = sum * y - 1.0 / 6;
  return sum * y * x + x;
}

/**
 * Arc of a sine from 0 to √½, relative error below 1e-15: tan of a quarter of it by halving twice, then the series of
 * the arc tangent, whose argument is at most 0.2.
 */
function arcsine(s: f64): f64 {
  const half = s / (1 + Math.sqrt(1 - s * s));
  const x = half / (1 + Math.sqrt(1 + half * half));
  const y = x * x;
  let sum: f64 = 1.0 / 21;
  sum = 1.0 / 19 - sum * y;
  sum = 1.0 / 17 - sum * y;
  sum = 1.0 / 15 - sum * y;
  sum = 1.0 / 13 - sum * y;
  sum = 1.0 / 11 - sum * y;
  sum = 1.0 / 9 - sum * y;
  sum = 1.0 / 7 - sum * y;
  sum = 1.0 / 5 - sum * y;
  sum = 1.0 / 3 - sum * y;
  return 4 * (x - x * y * sum);
}

/** Keeps the query's place in degrees, and the cosine of its latitude. */
export function setPlace(state: usize, query: usize): void {
  const latitude = <f64>load<f32>(query, 4);
  store<f64>(state, <f64>load<f32>(query), M_LONGITUDE);
  store<f64>(state, latitude, M_LATITUDE);
  store<f64>(state, sine(max<f64>(0, 90 - abs(latitude))), M_COSINE);
}

export function haversine<E>(state: usize, row: usize): f64 {
  const place = four<E>(row);
  const latitude = <f64>f32x4.extract_lane(place, 1);
  const ownLatitude = load<f64>(state, M_LATITUDE);
  if (!(abs(latitude) <= 90 && abs(ownLatitude) <= 90)) return Infinity;
  let turn = abs(<f64>f32x4.extract_lane(place, 0) - load<f64>(state, M_LONGITUDE));
  if (turn > 180) {
    // Clamped: for longitudes beyond 2⁵³ degrees, which say nothing, the difference may leave the circle.
    turn = max<f64>(0, min<f64>(360, turn - 360 * floor(turn / 360)));
    if (turn > 180) turn = 360 - turn;
  }
  const rise = abs(latitude - ownLatitude) / 2;
  const a = sine(rise);
  const b = sine(turn / 2);
  const h = a * a + sine(90 - abs(latitude)) * load<f64>(state, M_COSINE) * b * b;
  if (h <= 0.5) return EARTH_RADIUS_METRES * 2 * arcsine(Math.sqrt(h));
  const c = sine(90 - rise) * sine(90 - turn / 2);
  const d = b * sine(abs(latitude + ownLatitude) / 2);
  return EARTH_RADIUS_METRES * (PI - 2 * arcsine(Math.sqrt(min<f64>(0.5, c * c + d * d))));
}
