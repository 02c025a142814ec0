/**
 * How do optional members of a body become optional members of an options object?
 *
 * An option that is absent must not be there, not even as undefined.
 */

/** The object without its undefined members; changed in place. */
export function definedMembers<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const object = members as Record<string, unknown>;
  for (const name in object) if (object[name] === undefined) delete object[name];
  return members as { [K in keyof T]?: Exclude<T[K], undefined> };
}
