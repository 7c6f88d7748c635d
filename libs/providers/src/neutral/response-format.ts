import { text } from '../json-values.ts';
import type { NeutralResponseFormat } from './neutral-request.ts';
import { type FeatureUse, invalidMember, mustRecord, mustText } from './request-builder.ts';

/**
 * An output format as OpenAI's APIs have it: `{ type: text | json_object }`, or `json_schema` with a schema that stands
 * beside its type in one API and below it in the other. Throws `invalid_request` that names the member.
 */
export function readResponseFormat(
  format: Readonly<Record<string, unknown>> | null,
  at: {
    readonly path: string;
    readonly schemaPath: string;
    /** Members of what has the schema. */
    readonly known: ReadonlySet<string>;
    readonly schemaOf: (format: Readonly<Record<string, unknown>>) => unknown;
  },
  use: FeatureUse,
): NeutralResponseFormat | null {
  const { path, schemaPath, known, schemaOf } = at;
  if (!format || format.type === 'text') return null;
  if (format.type === 'json_object') {
    use.use('response_format.json', path);
    return { type: 'json' };
  }
  if (format.type !== 'json_schema') throw invalidMember(`${path}.type`, 'text, json_object or json_schema');
  use.use('response_format.schema', path);
  const given = mustRecord(schemaOf(format), schemaPath);
  use.leave(given, known, schemaPath);
  return {
    type: 'schema',
    name: mustText(given.name, `${schemaPath}.name`),
    description: text(given.description),
    schema: mustRecord(given.schema, `${schemaPath}.schema`),
    strict: typeof given.strict === 'boolean' ? given.strict : null,
  };
}
