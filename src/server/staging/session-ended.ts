/**
 * What does a request get that names a session which is not open?
 *
 * Code `CLOSED`, as from a session of the embedded client that has ended; the status of something that isn't found, so
 * that a session of another key cannot be told from none.
 */
import { LynseError } from "../../errors.js";

export class SessionEnded extends LynseError {
  override readonly status: number = 404;

  constructor(sessionId: string, reason: string) {
    super("CLOSED", `session ${JSON.stringify(sessionId.slice(0, 64))} ${reason}; begin a new one`, {
      session_id: sessionId.slice(0, 64),
    });
  }
}
