import { record } from '../json-values.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * An object of the Gemini API with its members in lower camel case. The API takes both spellings: "JSON parsers accept
 * both the lowerCamelCase name and the original proto field name" (protobuf.dev/programming-guides/json). Objects
 * inside of it stay as they are: they may be the caller's own data.
 */
export function camelMembers(object: Json): Json {
  if (!Object.keys(object).some((name) => name.includes('_'))) return object;
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [camelCase(name), value]));
}

/** The same of a value that may be no object; null then. */
export function camelRecord(value: unknown): Json | null {
  const found = record(value);
  return found && camelMembers(found);
}

/** A repeated field: a list, or its only item, which the API takes for a list of one. None where it is absent. */
export function itemsOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

/** A member's name in lower camel case: `topP` for `top_p`. */
export function camelCase(name: string): string {
  return name.replaceAll(/(?<=.)_([a-z\d])/g, (_, letter: string) => letter.toUpperCase());
}
