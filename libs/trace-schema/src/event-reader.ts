import * as z from 'zod';

/** How a reader, which may be older than the emitter, reads an event. */
export type ReadOutcome<Event> =
  | {
      readonly outcome: 'known';
      readonly event: Event;
      /** Paths of the facts that could not be read (`facts.parameters.seed`). Each has its empty value in `event`. */
      readonly lost: readonly string[];
    }
  /** A type that a later version added to the topic: the reader skips it. This is not a fault. */
  | { readonly outcome: 'unknown'; readonly type: string }
  | { readonly outcome: 'invalid'; readonly error: z.ZodError };

/**
 * Members without which an event has no place in the record: its stamp, and the ids of its call. A payload and a price
 * are read whole or not at all, because half of one would be false.
 */
const essential: ReadonlySet<string> = new Set([
  ...['id', 'type', 'emitter', 'seq', 'projectId', 'time'],
  ...['call', 'organizationId', 'keyId', 'callId', 'traceId', 'spanId', 'facts', 'timing', 'startTime'],
  ...[
    'codec',
    'length',
    'storedLength',
    'storedHash',
    'hash',
    'parts',
    'data',
    'part',
    'index',
    'publicKey',
    'sealed',
  ],
  ...['lastSeq', 'usd', 'quantity', 'pricePerMillionUsd', 'totalUsd', 'state'],
]);

const lostPathsMax = 20;

/**
 * The reader's half of the compatibility rule (a version of a topic only gains members and event types). The reader
 * skips members that the schema does not know, at any depth, and events of unknown types. A fact that breaks the schema
 * is lost, and its path is reported; only an event without its essential members is invalid.
 */
export function eventReader<Schema extends z.ZodType>(
  schema: Schema,
): (value: unknown) => ReadOutcome<z.output<Schema>> {
  const reader = tolerant(schema) as Schema;
  const forgivingReader = forgiving(reader) as Schema;
  const known = new Set(eventTypesOf(schema));
  return (value) => {
    const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : null;
    if (typeof type === 'string' && !known.has(type)) return { outcome: 'unknown', type };
    const { data, error } = reader.safeParse(value);
    if (!error) return { outcome: 'known', event: data, lost: [] };
    const forgiven = forgivingReader.safeParse(value);
    if (!forgiven.success) return { outcome: 'invalid', error };
    const lost = new Set(error.issues.map(({ path }) => path.join('.')));
    return { outcome: 'known', event: forgiven.data, lost: [...lost].slice(0, lostPathsMax) };
  };
}

/** Returns the event that a record's JSON text holds; null when it is unreadable or of an unknown type. */
export function readEventOf<Event>(read: (value: unknown) => ReadOutcome<Event>, json: Buffer): Event | null {
  try {
    const found = read(JSON.parse(json.toString('utf8')));
    return found.outcome === 'known' ? found.event : null;
  } catch {
    return null;
  }
}

/** The values of `type` that a schema of events accepts. */
export function eventTypesOf(schema: z.core.$ZodType): string[] {
  if (schema instanceof z.ZodUnion) return schema.def.options.flatMap(eventTypesOf);
  const type: unknown = schema instanceof z.ZodObject ? schema.shape['type'] : null;
  if (type instanceof z.ZodEnum) return type.options.map(String);
  return type instanceof z.ZodLiteral ? [...type.values].map(String) : [];
}

/** Returns the schema that skips unknown members where the emitter's refuses them. */
export function tolerant(schema: z.core.$ZodType): z.core.$ZodType {
  const rebuilt = withMembers(schema, tolerant);
  return rebuilt instanceof z.ZodObject
    ? z.core.clone(rebuilt, { ...rebuilt._zod.def, catchall: undefined })
    : rebuilt;
}

/**
 * Returns the schema that reads its empty value in place of a fact that breaks it. An object that may be null has its
 * figures whole or not at all: usage of which one count is lost would be priced too low.
 */
function forgiving(schema: z.core.$ZodType, isNullable = false): z.core.$ZodType {
  return withMembers(schema, (member, name) => {
    const inner = forgiving(member, schema instanceof z.ZodNullable);
    const isFigure = inner instanceof z.ZodNumber || inner instanceof z.ZodArray;
    if (name === undefined || (isNullable && isFigure)) return inner;
    const isTypeOfError = isNullable && name === 'type'; // not that of the event
    return essential.has(name) && !isTypeOfError ? inner : withFallback(inner);
  });
}

// Of an enum the last option is the one that claims least.
function withFallback(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodNullable) return schema.catch(null);
  if (schema instanceof z.ZodOptional) return schema.catch(undefined);
  if (schema instanceof z.ZodArray) return schema.catch([]);
  if (schema instanceof z.ZodRecord)
    return z.preprocess(readableEntries(schema.def.valueType), schema).catch({});
  if (schema instanceof z.ZodString) return schema.catch('');
  if (schema instanceof z.ZodNumber) return schema.catch(0);
  if (schema instanceof z.ZodBoolean) return schema.catch(false);
  if (schema instanceof z.ZodEnum) return schema.catch(schema.options.at(-1) ?? '');
  return schema;
}

function readableEntries(valueType: z.core.$ZodType): (value: unknown) => unknown {
  return (value) => {
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).filter(([, entry]) => z.safeParse(valueType, entry).success),
    );
  };
}

/** The same schema with its direct members changed. `name` is that of an object's member. */
function withMembers(
  schema: z.core.$ZodType,
  change: (member: z.core.$ZodType, name?: string) => z.core.$ZodType,
): z.core.$ZodType {
  const changed = (difference: object) => z.core.clone(schema, { ...schema._zod.def, ...difference });
  if (schema instanceof z.ZodObject) {
    const shape = schema.shape as z.core.$ZodShape;
    const members = Object.entries(shape).map(([name, member]) => [name, change(member, name)] as const);
    return changed({ shape: Object.fromEntries(members) });
  }
  if (schema instanceof z.ZodUnion)
    return changed({ options: schema.def.options.map((option) => change(option)) });
  if (schema instanceof z.ZodArray) return changed({ element: change(schema.def.element) });
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional)
    return changed({ innerType: change(schema.def.innerType) });
  if (schema instanceof z.ZodRecord) return changed({ valueType: change(schema.def.valueType) });
  return schema;
}
