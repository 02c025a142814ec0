/**
 * What does `lynse doctor` say about one thing?
 */
export interface HealthCheck {
  /** What was looked at. */
  readonly name: string;
  readonly state: "ok" | "warning" | "problem";
  /** What was found. */
  readonly found: string;
  /** What to do; null where nothing has to be done. */
  readonly advice: string | null;
}

export function ok(name: string, found: string): HealthCheck {
  return { name, state: "ok", found, advice: null };
}

export function warning(name: string, found: string, advice: string): HealthCheck {
  return { name, state: "warning", found, advice };
}

export function problem(name: string, found: string, advice: string): HealthCheck {
  return { name, state: "problem", found, advice };
}
