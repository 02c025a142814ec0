/**
 * What do ten thousand open connections that ask nothing cost a server?
 *
 * `node bench/dist/idle-connections.js [dist] [connections]`: processes of their own, since each may open only so many
 * files, open the connections and ask once on each; meanwhile and before, 8 clients search in closed loops. Where the
 * system allows fewer open files than that, raise it before: `ulimit -n 20000`.
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, type AgentOptions, get } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { closedLoop } from "./closed-loop.js";
import { ServerProcess } from "./server-process.js";
import { serverRows } from "./server-rows.js";

const processes = 4;
const connectionsDefault = 10_000;
const searches = 5_000;
const lanes = 8;
/** Connections that one process opens at a time: more would overflow the queue of those not yet accepted. */
const openingMax = 100;

if (process.send === undefined) await measure();
else await holdConnections(process.argv[2]!, Number(process.argv[3]));

async function measure(): Promise<void> {
  const [packageDirectory = "dist", connectionsText] = process.argv.slice(2);
  const connections = Number(connectionsText ?? connectionsDefault);
  const directory = mkdtempSync(join(tmpdir(), "lynse-idle-"));
  const server = await ServerProcess.start(resolve(packageDirectory), directory);
  const holders: ChildProcess[] = [];
  try {
    const rows = await serverRows(resolve(packageDirectory), server.url);
    await report("no idle connections", server, rows.search);
    for (let at = 0; at < processes; at += 1)
      holders.push(await holder(server.url, Math.ceil(connections / processes)));
    await report(`${await openConnections(server.url)} connections are open`, server, rows.search);
    await rows.close();
  } finally {
    for (const child of holders) child.kill();
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function report(title: string, server: ServerProcess, search: (turn: number) => Promise<void>): Promise<void> {
  await closedLoop(lanes, searches / 5, search);
  const { requestsPerSecond, p50Ms, p99Ms } = await closedLoop(lanes, searches, search);
  process.stdout.write(
    `${title}: ${requestsPerSecond.toFixed(0)} searches/s, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, ` +
      `server ${server.residentMiB().toFixed(0)} MiB\n`,
  );
}

/** As the server counts them. */
async function openConnections(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^lynsedb_\w*connections\w* (\d+)$/m.exec(text)?.[1]);
}

/** A process with its connections open. */
async function holder(url: string, count: number): Promise<ChildProcess> {
  const child = fork(fileURLToPath(import.meta.url), [url, String(count)]);
  await new Promise<void>((open, fail) => {
    child.once("message", () => open());
    child.once("exit", (code) => fail(new Error(`a process that holds connections ended with ${code}`)));
  });
  child.removeAllListeners("exit");
  return child;
}

/** Opens connections, asks once on each, and keeps them until the parent goes. */
async function holdConnections(url: string, count: number): Promise<void> {
  process.once("disconnect", () => process.exit());
  const options: AgentOptions = { keepAlive: true, maxFreeSockets: Number.POSITIVE_INFINITY };
  let next = 0;
  const open = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      // An agent each: one for all would use its free connections again.
      const agent = new Agent(options);
      await new Promise<void>((answered, fail) => {
        get(`${url}/healthz`, { agent }, (answer) => answer.resume().once("end", answered)).once("error", fail);
      });
    }
  };
  await Promise.all(Array.from({ length: openingMax }, open));
  process.send!("open");
}
