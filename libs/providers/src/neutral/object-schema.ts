type Schema = Readonly<Record<string, unknown>>;

/** The schema of a tool's arguments as APIs want it that take nothing but objects: with a type, and properties. */
export function objectSchema(schema: Schema | null): Schema {
  if (schema === null) return { type: 'object', properties: {} };
  const isBare = schema.type === undefined && !('anyOf' in schema || 'oneOf' in schema || '$ref' in schema);
  const typed = isBare ? { type: 'object', ...schema } : schema;
  return typed.type === 'object' && typed.properties === undefined ? { ...typed, properties: {} } : typed;
}

/** Whether a schema lets no argument in. */
export function isEmptySchema(schema: Schema | null): boolean {
  const { properties, additionalProperties } = objectSchema(schema);
  const isOpen = additionalProperties !== undefined && additionalProperties !== false;
  return (
    typeof properties === 'object' && properties !== null && Object.keys(properties).length === 0 && !isOpen
  );
}
