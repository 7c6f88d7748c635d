import { record } from '../json-values.ts';
import { camelCase } from './gemini-members.ts';

type Schema = Readonly<Record<string, unknown>>;

/*
 * A schema of the Gemini API (ai.google.dev/api/caching#Schema, "a select subset of an OpenAPI 3.0 schema object"):
 *
 *   { type: STRING | NUMBER | INTEGER | BOOLEAN | ARRAY | OBJECT | NULL, format?, title?, description?, nullable?, enum?,
 *     items?, minItems?, maxItems?, properties?, required?, propertyOrdering?, minProperties?, maxProperties?,
 *     minLength?, maxLength?, pattern?, minimum?, maximum?, anyOf?, example?, default? }
 *
 * Counts are 64-bit integers, which JSON has as texts.
 */
const counts: ReadonlySet<string> = new Set([
  ...['minItems', 'maxItems', 'minProperties', 'maxProperties', 'minLength', 'maxLength'],
]);

/** Members that may be written in snake case. */
const renamed: ReadonlySet<string> = new Set([...counts, 'anyOf', 'propertyOrdering']);

/**
 * The same schema in JSON Schema. One that is JSON Schema already stays as it is. Clients write the types of this API in
 * members for JSON Schema too (Gemini CLI in `responseJsonSchema`).
 */
export function jsonSchemaOf(schema: Schema): Schema {
  const {
    nullable,
    propertyOrdering: _order,
    example,
    ...members
  } = Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [
      renamed.has(camelCase(name)) ? camelCase(name) : name,
      value,
    ]),
  );
  const entries = Object.entries(members).flatMap(([name, value]): [string, unknown][] => {
    if (name === 'type')
      return value === 'TYPE_UNSPECIFIED' ? [] : [[name, typeOf(value, nullable === true)]];
    if (name === 'format' && value === 'enum') return []; // says that there is an `enum`
    if (name === 'enum' && Array.isArray(value) && nullable === true)
      return [[name, [...(value as unknown[]), null]]];
    if (counts.has(name)) return [[name, typeof value === 'string' ? Number(value) : value]];
    return [[name, inner(name, value)]];
  });
  const examples = example === undefined ? [] : [['examples', [example]]];
  return Object.fromEntries([...entries, ...examples]) as Schema;
}

function typeOf(type: unknown, isNullable: boolean): unknown {
  if (Array.isArray(type)) return type.map((one) => typeOf(one, false));
  const name = typeof type === 'string' ? type.toLowerCase() : type;
  return isNullable && name !== 'null' ? [name, 'null'] : name;
}

/** Schemas inside of a schema: one, a list, or by the caller's names. */
function inner(name: string, value: unknown): unknown {
  const one = (schema: unknown) => {
    const found = record(schema);
    return found ? jsonSchemaOf(found) : schema;
  };
  if (name === 'items' || name === 'additionalProperties') return one(value);
  if (/^(?:any|one|all)Of$|^prefixItems$/.test(name) && Array.isArray(value)) return value.map(one);
  const named = name === 'properties' || name === '$defs' || name === 'defs' ? record(value) : null;
  return named ? Object.fromEntries(Object.entries(named).map(([key, schema]) => [key, one(schema)])) : value;
}
