import type { z } from 'zod';

interface Definition {
  readonly type: string;
  readonly defaultValue?: unknown;
  readonly in?: z.core.$ZodType;
}

/** A Markdown table of a configuration's variables: name, default, meaning. The reference is made of the schema. */
export function environmentTable(schema: z.ZodObject): string {
  const rows = Object.entries(schema.shape as Readonly<Record<string, z.core.$ZodType>>).map(
    ([name, field]) => {
      const fallback = defaultOf(field);
      const shown =
        fallback === undefined ? 'required' : fallback === '' ? '' : `\`${JSON.stringify(fallback)}\``;
      return `| \`${name}\` | ${shown} | ${(field as z.ZodType).description ?? ''} |`;
    },
  );
  return ['| Variable | Default | Meaning |', '| --- | --- | --- |', ...rows, ''].join('\n');
}

// Durations and sizes are shown as the numbers that they mean: milliseconds and bytes.
function defaultOf(field: z.core.$ZodType): unknown {
  const definition = field._zod.def as unknown as Definition;
  if (definition.type === 'default') return definition.defaultValue;
  return definition.in ? defaultOf(definition.in) : undefined;
}
