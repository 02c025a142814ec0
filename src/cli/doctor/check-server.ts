/**
 * Does a server answer: reachable, of which version, does the key open it, do the clocks agree, how quickly?
 */
import { formatDuration } from "../print/quantity.js";
import { type HealthCheck, ok, problem, warning } from "./health-check.js";

const timeoutMs = 10_000;
const rounds = 5;
const clockSkewMs = 5000;
const slowMs = 200;

export async function checkServer(uri: string, apiKey: string | null, version: string): Promise<HealthCheck[]> {
  const base = uri.replace(/\/+$/, "");
  const ask = (path: string): Promise<Response> =>
    fetch(`${base}${path}`, {
      headers: apiKey === null ? {} : { authorization: `Bearer ${apiKey}` },
      signal: AbortSignal.timeout(timeoutMs),
    });
  let response: Response;
  try {
    response = await ask("/healthz");
    await response.arrayBuffer();
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    return [
      problem("server", `${base} does not answer (${cause})`, "check the address, that it runs, and the network"),
    ];
  }
  if (!response.ok) {
    return [problem("server", `${base} answers ${response.status} to /healthz`, "check that it is a LynseDB server")];
  }
  const checks = [ok("server", `${base} answers`), ...checkClock(response.headers.get("date"), Date.now())];
  checks.push(await checkKey(ask, apiKey), await checkVersion(ask, version), await checkLatency(ask));
  return checks;
}

function checkClock(date: string | null, nowMs: number): HealthCheck[] {
  const at = Date.parse(date ?? "");
  if (Number.isNaN(at)) return [];
  const skew = Math.abs(nowMs - at);
  if (skew < clockSkewMs) return [ok("clock", "agrees with the server's")];
  return [warning("clock", `differs from the server's by ${formatDuration(skew)}`, "set both clocks (NTP)")];
}

async function checkKey(ask: (path: string) => Promise<Response>, apiKey: string | null): Promise<HealthCheck> {
  const response = await ask("/version");
  await response.arrayBuffer();
  if (response.status === 401 || response.status === 403) {
    const found = apiKey === null ? "the server wants a key" : "the server refuses the key";
    return problem("API key", found, "give the right one with --api-key or $LYNSE_API_KEY");
  }
  if (apiKey === null) return ok("API key", "none is wanted");
  return ok("API key", "it opens the server");
}

async function checkVersion(ask: (path: string) => Promise<Response>, own: string): Promise<HealthCheck> {
  const response = await ask("/version");
  const text = await response.text();
  const found = /"version"\s*:\s*"([^"]+)"/.exec(text)?.[1];
  if (!response.ok || found === undefined) return ok("version", "the server does not tell");
  if (found === own) return ok("version", `${found}, the same as this command's`);
  return warning("version", `${found} there, ${own} here`, "run the same version on both ends where you can");
}

async function checkLatency(ask: (path: string) => Promise<Response>): Promise<HealthCheck> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const startedAt = performance.now();
    await (await ask("/healthz")).arrayBuffer();
    times.push(performance.now() - startedAt);
  }
  const median = times.sort((one, other) => one - other)[rounds >> 1]!;
  const found = `${formatDuration(median)} for a small request`;
  return median < slowMs
    ? ok("latency", found)
    : warning("latency", found, "run closer to the server, or send larger batches");
}
