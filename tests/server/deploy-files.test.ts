/**
 * Do the files that people deploy with fit the server?
 *
 * Every file parses, and every option, variable and probe in them exists.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { allRoutes } from "../../src/server/all-routes.js";
import { settingsOfSources } from "../../src/server/option-sources.js";
import { optionTable, type ServerOptionEntry } from "../../src/server/option-table.js";

const root = new URL("../../", import.meta.url);
const text = (path: string): string => readFileSync(new URL(path, root), "utf8");
const entries: readonly ServerOptionEntry[] = optionTable;
const variables = new Set(entries.flatMap(({ name, env }) => env ?? [`LYNSE_${name.toUpperCase()}`]));
const flags = new Set(entries.flatMap(({ name, aliases = [] }) => [name.replaceAll("_", "-"), ...aliases]));
const paths = new Set(allRoutes.map(({ path }) => path));
/** Variables of the command line and of nothing else. */
const clientVariables = ["LYNSE_URI"];
/** Flags in the guide that are other programs', or other commands'. */
const otherFlags = [
  ...[
    "build",
    "config",
    "data",
    "database",
    "collection",
    "init",
    "global",
    "now",
    "from-file",
    "stop-timeout",
    "text",
  ],
  ...["uri", "max-old-space-size", "no-audit-log"],
];

type Tree = { readonly [name: string]: Tree } & readonly Tree[] & string;

const deployed = [
  "Dockerfile",
  "deploy/compose.yaml",
  "deploy/health-check.mjs",
  "deploy/kubernetes/kustomization.yaml",
  "deploy/kubernetes/service.yaml",
  "deploy/kubernetes/statefulset.yaml",
  "deploy/lynse.ini",
  "deploy/lynse.service",
  "docs/guides/deploy.md",
];

test.each(deployed)("%s names only variables that the server reads", (path) => {
  const named = text(path).match(/\bLYNSE_[A-Z_]*[A-Z]/g) ?? [];
  expect(named.filter((name) => !variables.has(name) && !clientVariables.includes(name))).toEqual([]);
});

test("the guide names only flags and options that there are, and links to files that there are", () => {
  const guide = text("docs/guides/deploy.md");
  const named = [...guide.matchAll(/(?<![\w-])--([a-z][a-z-]+)/g)].map(([, name = ""]) => name);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !flags.has(name) && !otherFlags.includes(name))).toEqual([]);
  for (const [, name = ""] of guide.matchAll(/`((?:json|payload|max|session|keep|request|shutdown)_[a-z_]+)`/g)) {
    expect(flags).toContain(name.replaceAll("_", "-"));
  }
  for (const [, path = ""] of guide.matchAll(/\]\(\.\.\/\.\.\/([^)#]+)\)/g)) expect(text(path)).not.toBe("");
});

test("the config file is one that the server takes", () => {
  const configPath = fileURLToPath(new URL("deploy/lynse.ini", root));
  expect(settingsOfSources({ flags: new Map(), env: {}, configPath })).toEqual(
    settingsOfSources({ flags: new Map(), env: {}, configPath: null }),
  );
});

describe("the image", () => {
  /** Instructions with their continued lines joined. */
  const instructions = text("Dockerfile")
    .replaceAll(/^\s*#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, " ")
    .split("\n")
    .filter((line) => line !== "");
  const last = instructions.slice(instructions.findLastIndex((line) => line.startsWith("FROM")));

  test("runs the program that is published, as a user that is not root", () => {
    const known = /^(?:ARG|FROM|WORKDIR|COPY|RUN|ENV|USER|VOLUME|EXPOSE|STOPSIGNAL|HEALTHCHECK|ENTRYPOINT|CMD) /;
    expect(instructions.filter((line) => !known.test(line))).toEqual([]);
    const { bin } = JSON.parse(text("package.json"));
    expect(last).toContain(`ENTRYPOINT ["node", "/app/${bin.lynse.slice(2)}"]`);
    expect(last).toContain("USER 1000:1000");
    expect(last.findIndex((line) => line.startsWith("USER"))).toBeGreaterThan(
      last.findLastIndex((line) => line.startsWith("RUN")),
    );
    expect(last).toContain("VOLUME /data");
  });

  test("has settings that the server takes, and no key among them", () => {
    const assignments = last.find((line) => line.startsWith("ENV"))?.slice("ENV ".length) ?? "";
    const env = Object.fromEntries(assignments.split(/\s+/).map((part) => part.split("=")));
    expect(settingsOfSources({ flags: new Map(), env, configPath: null })).toMatchObject({
      host: "0.0.0.0",
      port: 7637,
      data_dir: "/data",
      api_key: [],
    });
  });

  test("copies only what there is and what the build context lets through", () => {
    const ignored = text(".dockerignore").split("\n");
    const copied = instructions.filter((line) => line.startsWith("COPY ") && !line.includes("--from="));
    for (const source of copied.flatMap((line) => line.split(/\s+/).slice(1, -1))) {
      expect(existsSync(new URL(source, root))).toBe(true);
      expect(ignored).toContain(`!${source.replace(/^\.\//, "")}`);
    }
  });

  test("its health check tells a server that is ready from one that is not, or is not there", async () => {
    let status = 200;
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? "");
      response.writeHead(status).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? String(address?.port) : "";
    const check = (): Promise<number | null> => exitCode("deploy/health-check.mjs", { LYNSE_PORT: port });
    expect(await check()).toBe(0);
    status = 503;
    expect(await check()).toBe(1);
    await new Promise((resolve) => server.close(resolve));
    expect(await check()).toBe(1);
    expect(asked).toEqual(["/readyz", "/readyz"]);
    expect(paths).toContain("/readyz");
  });
});

async function exitCode(path: string, env: Readonly<Record<string, string>>): Promise<number | null> {
  const child = spawn(process.execPath, [fileURLToPath(new URL(path, root))], { env: { ...process.env, ...env } });
  return await new Promise((resolve) => child.once("close", resolve));
}

test("compose hands over settings that the server takes, and gives it time to stop", () => {
  const { services, secrets, volumes } = parse(text("deploy/compose.yaml"));
  const { lynsedb } = services;
  const settings = settingsOfSources({ flags: new Map(), env: lynsedb.environment, configPath: null });
  expect(settings.api_keys_file).toBe(`/run/secrets/${lynsedb.secrets[0]}`);
  expect(Object.keys(secrets)).toEqual(lynsedb.secrets);
  expect(lynsedb.volumes).toEqual([`${Object.keys(volumes)[0]}:/data`]);
  expect(Number.parseInt(lynsedb.stop_grace_period, 10)).toBeGreaterThan(settings.shutdown_grace_secs);
  expect(lynsedb.ports).toEqual([`127.0.0.1:${settings.port}:${settings.port}`]);
});

describe("the manifests of Kubernetes", () => {
  const { spec } = parse(text("deploy/kubernetes/statefulset.yaml"));
  const pod: Tree = spec.template.spec;
  const container = pod["containers"]?.[0] as Tree;

  test("are those that are applied, and select each other", () => {
    const { resources } = parse(text("deploy/kubernetes/kustomization.yaml"));
    const files = readdirSync(new URL("deploy/kubernetes", root));
    expect([...resources, "kustomization.yaml"].sort()).toEqual(files.sort());
    const service = parse(text("deploy/kubernetes/service.yaml"));
    expect(spec.template.metadata.labels).toMatchObject(service.spec.selector);
    expect(spec.selector.matchLabels).toEqual(service.spec.selector);
    expect(spec.serviceName).toBe(service.metadata.name);
    expect(service.spec.ports[0].targetPort).toBe(container["ports"]?.[0]?.["name"]);
  });

  test("start a server with settings that it takes, with time to stop", () => {
    const args = [...(container["args"] ?? [])].map(String);
    expect(args[0]).toBe("serve");
    const given = new Map<string, unknown>();
    for (let at = 1; at < args.length; at += 2) {
      const flag = args[at]?.slice("--".length) ?? "";
      expect(flags).toContain(flag);
      given.set(flag.replaceAll("-", "_"), args[at + 1]);
    }
    const env = Object.fromEntries([...(container["env"] ?? [])].map(({ name, value }) => [name, value]));
    const settings = settingsOfSources({ flags: given, env, configPath: null });
    expect(pod["terminationGracePeriodSeconds"]).toBeGreaterThan(settings.shutdown_grace_secs);
    const keys = [...(container["volumeMounts"] ?? [])].find(({ name }) => String(name) === "keys");
    expect(settings.api_keys_file).toBe(`${keys?.["mountPath"]}/keys.txt`);
    expect(container["ports"]?.[0]?.["containerPort"]).toBe(settings.port);
    expect(spec.replicas).toBe(1);
  });

  test("probe routes that need no key, as a user that is not root", () => {
    const open = allRoutes.filter(({ access }) => access === "public").map(({ path }) => path);
    for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"]) {
      expect(open).toContain(container[probe]?.["httpGet"]?.["path"]);
    }
    expect(pod["securityContext"]).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
    expect(container["securityContext"]).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
    });
  });
});

describe("the unit of systemd", () => {
  const unit = new Map<string, string>();
  let section = "";
  for (const line of text("deploy/lynse.service").split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    section = /^\[(\w+)\]$/.exec(line)?.[1] ?? section;
    const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined) unit.set(`${section}.${name}`, value ?? "");
    else if (!line.startsWith("[")) throw new Error(`not a line of a unit: ${line}`);
  }

  test("starts the server with the config file, and gives it time to stop", () => {
    expect(unit.get("Service.ExecStart")).toBe("/usr/bin/env lynse serve --config /etc/lynse/lynse.ini");
    const { shutdown_grace_secs } = settingsOfSources({ flags: new Map(), env: {}, configPath: null });
    expect(Number(unit.get("Service.TimeoutStopSec"))).toBeGreaterThan(shutdown_grace_secs);
    expect(unit.get("Service.KillSignal")).toBe("SIGTERM");
    expect(unit.get("Install.WantedBy")).toBe("multi-user.target");
  });

  test("keeps the service from what it doesn't need", () => {
    expect(unit.get("Service.NoNewPrivileges")).toBe("yes");
    expect(unit.get("Service.ProtectSystem")).toBe("strict");
    expect(Number(unit.get("Service.LimitNOFILE"))).toBeGreaterThan(
      Number(entries.find(({ name }) => name === "max_connections")?.fallback),
    );
  });

  const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;
  test.runIf(hasSystemd)("is one that systemd understands", () => {
    const path = fileURLToPath(new URL("deploy/lynse.service", root));
    const { stderr } = spawnSync("systemd-analyze", ["verify", path], { encoding: "utf8" });
    expect(stderr.split("\n").filter((line) => line.includes("lynse.service"))).toEqual([]);
  });
});
