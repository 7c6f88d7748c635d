import type { routes } from '@loom/api-contract';
import type { z } from 'zod';

/** The checked query of a route, with its defaults. */
export type QueryOf<Name extends keyof typeof routes> = (typeof routes)[Name] extends {
  query: infer Schema extends z.ZodType;
}
  ? z.output<Schema>
  : never;
