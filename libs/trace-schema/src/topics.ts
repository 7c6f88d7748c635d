import * as z from 'zod';

export const topics = {
  traces: 'loom.traces.v1',
  costs: 'loom.costs.v1',
  control: 'loom.control.v1',
  deadLetters: 'loom.dead-letters.v1',
} as const;
export type Topic = (typeof topics)[keyof typeof topics];

/** A record that a consumer could not use, kept whole with where it came from (topic `loom.dead-letters.v1`). */
export const DeadLetter = z.strictObject({
  id: z.string(),
  type: z.literal('dead-letter'),
  group: z.string(),
  topic: z.string(),
  partition: z.string(),
  offset: z.int().nonnegative(),
  reason: z.enum(['malformed', 'invalid', 'rejected_by_store']),
  message: z.string(),
  headers: z.record(z.string(), z.string()),
  /** Base64 of the record's value. */
  value: z.string(),
  time: z.string(),
});
export type DeadLetter = z.infer<typeof DeadLetter>;

/**
 * The CloudEvents 1.0 attributes of an event as Kafka headers (binary content mode): the value is the event's JSON
 * alone. `ce_subject` is the call or entity, `ce_source` the emitter; the extension attributes `loomproject` and
 * `loomseq` place it in the emitter's sequence of a project without parsing the value. `ce_traceparent` is the extension
 * for distributed tracing: the span of Loom's own telemetry that the event comes from, never the caller's trace, which
 * is in the event. It is not part of the event: nothing is identified or hashed by it.
 */
export function cloudEventHeaders(event: {
  id: string;
  type: string;
  source: string;
  subject: string;
  timeMs: number;
  projectId?: string;
  seq?: number;
  traceparent?: string | undefined;
}): Record<string, string> {
  const headers: Record<string, string> = {
    ce_specversion: '1.0',
    ce_id: event.id,
    ce_type: `loom.${event.type}`,
    ce_source: `/loom/emitters/${event.source}`,
    ce_subject: event.subject,
    ce_time: new Date(event.timeMs).toISOString(),
    'content-type': 'application/json',
  };
  if (event.projectId !== undefined) headers.ce_loomproject = event.projectId;
  if (event.seq !== undefined) headers.ce_loomseq = String(event.seq);
  if (event.traceparent !== undefined) headers.ce_traceparent = event.traceparent;
  return headers;
}
