/**
 * How do optional members of a body become optional members of an options object?
 *
 * An option that is absent must not be there, not even as undefined.
 */

/** The members that are not undefined. */
export function definedMembers<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const defined: { [K in keyof T]?: Exclude<T[K], undefined> } = {};
  for (const name in members) {
    const value = members[name];
    if (value !== undefined) defined[name] = value as Exclude<T[typeof name], undefined>;
  }
  return defined;
}
