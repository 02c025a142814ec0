/** What does a metric say about two vectors, computed as its formula stands? For the tests of graphs. */
import type { Metric } from "../../../types.js";

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

function sumOf(a: Float32Array, b: Float32Array, term: (x: number, y: number) => number): number {
  return a.reduce((sum, x, i) => sum + term(x, b[i] as number), 0);
}

function mass(a: Float32Array): number {
  return a.reduce((sum, x) => sum + x, 0);
}

function centred(a: Float32Array): Float32Array {
  const mean = mass(a) / a.length;
  return a.map((x) => x - mean);
}

/** Kullback-Leibler divergence of the first distribution from the mean of both. */
function divergence(a: Float32Array, b: Float32Array): number {
  const [massA, massB] = [mass(a), mass(b)];
  return sumOf(a, b, (x, y) => (x > 0 ? (x / massA) * Math.log((2 * x) / massA / (x / massA + y / massB)) : 0));
}

/** True where the highest value is the nearest. */
export function isHigherBetter(metric: Metric): boolean {
  return metric === "ip" || metric === "cos";
}

/** The metric's value. */
export function exactValue(metric: Metric, a: Float32Array, b: Float32Array): number {
  switch (metric) {
    case "ip":
      return dot(a, b);
    case "cos": {
      const product = dot(a, a) * dot(b, b);
      return product === 0 ? 0 : dot(a, b) / Math.sqrt(product);
    }
    case "l2": {
      let sum = 0;
      for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
      return sum;
    }
    case "l1":
      return sumOf(a, b, (x, y) => Math.abs(x - y));
    case "chebyshev":
      return a.reduce((most, x, i) => Math.max(most, Math.abs(x - (b[i] as number))), 0);
    case "correlation":
      return 1 - exactValue("cos", centred(a), centred(b));
    case "hellinger":
      return Math.sqrt(Math.max(0, 1 - sumOf(a, b, (x, y) => Math.sqrt(x * y)) / Math.sqrt(mass(a) * mass(b))));
    case "jensen_shannon":
      return Math.sqrt(Math.max(0, (divergence(a, b) + divergence(b, a)) / 2));
    case "wasserstein": {
      let gap = 0;
      const scaled = [1 / mass(a), 1 / mass(b)] as const;
      return a.subarray(0, -1).reduce((sum, x, i) => {
        gap += x * scaled[0] - (b[i] as number) * scaled[1];
        return sum + Math.abs(gap);
      }, 0);
    }
    case "haversine": {
      const [longitude, latitude, otherLongitude, otherLatitude] = [...a, ...b].map(
        (degrees) => (degrees * Math.PI) / 180,
      );
      const across = Math.sin((otherLongitude! - longitude!) / 2) ** 2;
      const along = Math.sin((otherLatitude! - latitude!) / 2) ** 2;
      return 2 * Math.asin(Math.sqrt(along + Math.cos(latitude!) * Math.cos(otherLatitude!) * across));
    }
    case "hamming":
      return sumOf(a, b, (x, y) => Number(x > 0.5 !== y > 0.5));
    case "jaccard": {
      const union = sumOf(a, b, (x, y) => Number(x > 0.5 || y > 0.5));
      return union === 0 ? 0 : 1 - sumOf(a, b, (x, y) => Number(x > 0.5 && y > 0.5)) / union;
    }
    default:
      throw new Error(`no formula for ${metric}`);
  }
}
