/**
 * Where is the data that a command is about?
 *
 * In a directory or behind a server: what the command line names counts before the environment, and a server there
 * before a directory. A key goes only to a server.
 */
import { LynseError } from "../../errors.js";
import { type CommonOptions, isServerUri } from "./common-options.js";

export interface ClientPlace {
  /** Undefined: where the client looks by itself. */
  readonly uri: string | undefined;
  readonly apiKey: string | null;
}

type Environment = Readonly<Record<string, string | undefined>>;

export function clientPlace(flags: Pick<CommonOptions, "data" | "uri" | "apiKey">, env: Environment): ClientPlace {
  if (flags.data !== undefined) return { uri: flags.data, apiKey: null };
  const uri = flags.uri ?? uriOf(env);
  if (uri !== undefined) return { uri, apiKey: flags.apiKey ?? given(env, "LYNSE_API_KEY") ?? null };
  if (flags.apiKey === undefined) return { uri: undefined, apiKey: null };
  throw new LynseError("INVALID_ARGUMENT", "--api-key is for a server: name it with --uri or $LYNSE_URI", {
    option: "--api-key",
  });
}

function uriOf(env: Environment): string | undefined {
  const uri = given(env, "LYNSE_URI");
  if (uri === undefined || isServerUri(uri)) return uri;
  throw new LynseError(
    "INVALID_ARGUMENT",
    `$LYNSE_URI must be a URL as http://127.0.0.1:7637, got ${JSON.stringify(uri)}; a directory stands in $LYNSE_DATA_DIR`,
    { variable: "LYNSE_URI" },
  );
}

function given(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === "" ? undefined : value;
}
