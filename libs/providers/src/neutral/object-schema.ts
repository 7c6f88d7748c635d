import { record } from '../json-values.ts';

type Schema = Readonly<Record<string, unknown>>;

/** The schema of a tool's arguments as APIs want it that take nothing but objects: with a type, and properties. */
export function objectSchema(schema: Schema | null): Schema {
  if (schema === null) return { type: 'object', properties: {} };
  const isBare =
    (schema.type ?? null) === null && !('anyOf' in schema || 'oneOf' in schema || '$ref' in schema);
  const typed = isBare ? { ...schema, type: 'object' } : schema;
  return typed.type === 'object' && record(typed.properties) === null ? { ...typed, properties: {} } : typed;
}

/** Whether a schema lets no argument in. */
export function isEmptySchema(schema: Schema | null): boolean {
  const { properties, additionalProperties } = objectSchema(schema);
  const isOpen = additionalProperties !== undefined && additionalProperties !== false;
  const members = record(properties);
  return members !== null && Object.keys(members).length === 0 && !isOpen;
}
