/**
 * What does a request get that names a session which is not open?
 *
 * `CLOSED`, as from a session of the embedded client that has ended. By `session_id` in the details the server knows
 * to answer with 404: a session of another key cannot be told from none.
 */
import { LynseError } from "../../errors.js";

/** Characters of an id that an error repeats: longer than any real one. */
const idCharactersMax = 64;

export function sessionEnded(sessionId: string, reason: string): LynseError {
  const id = sessionId.slice(0, idCharactersMax);
  return new LynseError("CLOSED", `session ${JSON.stringify(id)} ${reason}; begin a new one`, { session_id: id });
}
