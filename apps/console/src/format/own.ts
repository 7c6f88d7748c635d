/** The entry of a table under a name that came from outside: `constructor` and `__proto__` are no entries. */
export function own<Value>(table: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
