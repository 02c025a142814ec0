/**
 * Does the memory of a server, and of its client, stay flat?
 *
 * `node bench/dist/server-soak.js [dist] [requests]`: a million searches by 16 closed loops, and after every 50,000 of
 * them the resident memory of both processes. The median of the second half must not be a tenth above that of the first.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { closedLoop } from "./closed-loop.js";
import { ServerProcess } from "./server-process.js";
import { serverRows } from "./server-rows.js";
import { median } from "./statistics.js";

const lanes = 16;
const requestsDefault = 1_000_000;
const stepRequests = 50_000;
const growthMax = 1.1;
const bytesPerMiB = 1024 * 1024;

const [packageDirectory = "dist", requestsText] = process.argv.slice(2);
const requests = Number(requestsText ?? requestsDefault);
const directory = mkdtempSync(join(tmpdir(), "lynse-soak-"));
const server = await ServerProcess.start(resolve(packageDirectory), directory);
try {
  const rows = await serverRows(resolve(packageDirectory), server.url);
  const serverMiB: number[] = [];
  for (let done = 0; done < requests; done += stepRequests) {
    const count = Math.min(stepRequests, requests - done);
    const figures = await closedLoop(lanes, count, (turn) => rows.search(done + turn));
    serverMiB.push(server.residentMiB());
    const client = process.memoryUsage.rss() / bytesPerMiB;
    process.stdout.write(
      `${String(done + count).padStart(9)} requests  ${figures.requestsPerSecond.toFixed(0).padStart(5)}/s  ` +
        `p50 ${figures.p50Ms.toFixed(2)} ms  p99 ${figures.p99Ms.toFixed(2)} ms  ` +
        `server ${serverMiB.at(-1)!.toFixed(0)} MiB  client ${client.toFixed(0)} MiB\n`,
    );
  }
  await rows.close();
  const half = Math.ceil(serverMiB.length / 2);
  const growth = median(serverMiB.slice(-half)) / median(serverMiB.slice(0, half));
  process.stdout.write(`the server's memory in the second half: ${growth.toFixed(3)} times that of the first\n`);
  process.exitCode = growth > growthMax ? 1 : 0;
} finally {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
}
