/**
 * A listening server for tests of routes, and a client that holds every success against the schema of its route.
 */
import { Compile } from "typebox/compile";
import { expect } from "vitest";
import { createServer, type LynseServer, type ServerOptions } from "../../src/server/lynse-server.js";
import { jsonRoutes } from "../../src/server/routes/json-routes.js";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // Tests look into answers by name; what they find is compared, never computed with.
  // biome-ignore lint/suspicious/noExplicitAny: the shape of an answer is what is tested
  readonly body: any;
}

const responseChecks = new Map(
  jsonRoutes.flatMap(({ path, response }) =>
    typeof response === "string" ? [] : [[path, Compile(response)] as const],
  ),
);

export class RoutesServer {
  readonly #server: LynseServer;
  readonly url: URL;

  private constructor(server: LynseServer, url: URL) {
    this.#server = server;
    this.url = url;
  }

  static async start(options: ServerOptions = {}): Promise<RoutesServer> {
    const server = await createServer({ port: 0, dataDir: "memory://", threads: 1, ...options });
    return new RoutesServer(server, await server.listen());
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return answerOf(path, await fetch(new URL(path, this.url), { headers }));
  }

  /** Posts a JSON body. */
  async post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.postText(path, JSON.stringify(body), headers);
  }

  async postText(path: string, body: string, headers: Record<string, string> = {}): Promise<Answer> {
    const options = { method: "POST", headers: { "content-type": "application/json", ...headers }, body };
    return answerOf(path, await fetch(new URL(path, this.url), options));
  }

  /** Posts a JSON body, and gives `params` of the success that must follow. */
  async params(path: string, body: object): Promise<Answer["body"]> {
    const answer = await this.post(path, body);
    expect(answer.body, path).toMatchObject({ status: "success" });
    expect(answer.status, path).toBe(200);
    return answer.body.params;
  }

  /** Posts a JSON body, and gives the error that must follow. */
  async error(path: string, body: unknown): Promise<{ status: number; code: string; error: string; details: object }> {
    const answer = await this.post(path, body);
    expect(answer.status, JSON.stringify(answer.body)).toBeGreaterThanOrEqual(400);
    expect(Object.keys(answer.body)).toEqual(["error", "code", "details"]);
    return { status: answer.status, ...answer.body };
  }
}

async function answerOf(path: string, response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") ?? false;
  const body = isJson ? JSON.parse(text) : text;
  const check = responseChecks.get(path);
  if (response.ok && check !== undefined && isJson) {
    const [, errors] = [check.Check(body), check.Errors(body)];
    expect(errors, `${path}: ${text.slice(0, 1000)}`).toEqual([]);
  }
  return { status: response.status, headers: response.headers, body };
}
