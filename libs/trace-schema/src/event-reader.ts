import * as z from 'zod';

/** What an event is to a reader that may be older than the emitter. */
export type ReadOutcome<Event> =
  | { readonly outcome: 'known'; readonly event: Event }
  /** Of a type that the topic has got since: to be left out, and no fault. */
  | { readonly outcome: 'unknown'; readonly type: string }
  | { readonly outcome: 'invalid'; readonly error: z.ZodError };

/**
 * The reader's half of the compatibility rule (within a topic's version members and event types are only added):
 * members that the schema does not know are left out, at any depth, and so are events of unknown types. All that the
 * schema does know is checked as it is for the emitter.
 */
export function eventReader<Schema extends z.ZodType>(
  schema: Schema,
): (value: unknown) => ReadOutcome<z.output<Schema>> {
  const reader = tolerant(schema) as Schema;
  const known = new Set(eventTypesOf(schema));
  return (value) => {
    const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : null;
    if (typeof type === 'string' && !known.has(type)) return { outcome: 'unknown', type };
    const { data, error } = reader.safeParse(value);
    return error ? { outcome: 'invalid', error } : { outcome: 'known', event: data };
  };
}

/** The values of `type` that a schema of events takes. */
export function eventTypesOf(schema: z.core.$ZodType): string[] {
  if (schema instanceof z.ZodUnion) return schema.def.options.flatMap(eventTypesOf);
  const type: unknown = schema instanceof z.ZodObject ? schema.shape['type'] : null;
  if (type instanceof z.ZodEnum) return type.options.map(String);
  return type instanceof z.ZodLiteral ? [...type.values].map(String) : [];
}

/** The schema that leaves out unknown members where the emitter's refuses them. */
export function tolerant(schema: z.core.$ZodType): z.core.$ZodType {
  const changed = (change: object) => z.core.clone(schema, { ...schema._zod.def, ...change });
  if (schema instanceof z.ZodObject) {
    const shape = schema.shape as z.core.$ZodShape;
    const members = Object.entries(shape).map(([name, member]) => [name, tolerant(member)] as const);
    return changed({ shape: Object.fromEntries(members), catchall: undefined });
  }
  if (schema instanceof z.ZodUnion) return changed({ options: schema.def.options.map(tolerant) });
  if (schema instanceof z.ZodArray) return changed({ element: tolerant(schema.def.element) });
  if (schema instanceof z.ZodRecord) return changed({ valueType: tolerant(schema.def.valueType) });
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional) {
    return changed({ innerType: tolerant(schema.def.innerType) });
  }
  return schema;
}
