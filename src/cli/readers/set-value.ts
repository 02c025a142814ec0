/**
 * How does a column's value get into a row's record?
 *
 * As an own property whatever the column is called: assigning to `__proto__` would change the record's prototype.
 */
export function setValue(record: Record<string, unknown>, name: string, value: unknown): void {
  if (name === "__proto__") {
    Object.defineProperty(record, name, { value, enumerable: true, configurable: true, writable: true });
  } else {
    record[name] = value;
  }
}
