import * as z from 'zod';

/** The body of every answer that is not a success. */
export const ErrorBody = z.object({
  error: z.object({
    /** A word of the closed table in `@loom/errors`, or a finer one below it. */
    code: z.string(),
    message: z.string(),
    /** The parameter at fault. */
    param: z.string().optional(),
    details: z.record(z.string(), z.unknown()).optional(),
  }),
});
export type ErrorBody = z.infer<typeof ErrorBody>;
