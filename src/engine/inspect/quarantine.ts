/**
 * Where does a repair put what it takes out of use?
 */

/** Name of the folder, in that of the collection, of a repair at a moment (milliseconds since 1970). */
export function quarantineName(atMs: number): string {
  return `quarantine-${new Date(atMs).toISOString().replace(/[-:]|\.\d+/g, "")}`;
}

/** True for the name of such a folder. */
export function isQuarantine(name: string): boolean {
  return /^quarantine-\d{8}T\d{6}Z(-\d+)?$/.test(name);
}
