import * as z from 'zod';
import { Instant } from './trace.ts';

const count = z.int().nonnegative();

/** Where a newcomer's client must point. */
export const DeploymentInfo = z.object({ version: z.string(), gatewayUrl: z.string().nullable() });

/** How far the record that can be queried is behind the stream. Null: not known. */
export const Freshness = z.object({
  ingestLagRecords: count.nullable(),
  pricingLagRecords: count.nullable(),
});
export type Freshness = z.infer<typeof Freshness>;

export const HealthReport = z.object({
  version: z.string(),
  checkedAt: Instant,
  services: z.array(
    z.object({
      name: z.string(),
      status: z.enum(['ready', 'not-ready', 'unreachable']),
      /** Why it is not ready. */
      message: z.string().nullable(),
      version: z.string().nullable(),
      /** Resident memory; null where it is not known. */
      memoryBytes: count.nullable(),
      startedAt: Instant.nullable(),
    }),
  ),
  /** Records that each consumer group has not committed; null while the event stream does not say. */
  lag: z.array(z.object({ group: z.string(), records: count.nullable() })),
  /**
   * Of all gateways that answer: what is not on disk yet, what is on disk and not on the event stream yet, and what could
   * not be recorded. Null where none answers.
   */
  outbox: z
    .object({ pendingRecords: count, pendingBytes: count, lagRecords: count, lostRecords: count })
    .nullable(),
  deadLetterCount: count,
  /** Of the file systems that hold the data. */
  disks: z.array(
    z.object({ path: z.string(), freeBytes: count, totalBytes: count, usedByLoomBytes: count.nullable() }),
  ),
  /** The newest errors that services have logged, newest first, without content. */
  lastErrors: z.array(z.object({ time: Instant, service: z.string(), message: z.string() })),
});
export type HealthReport = z.infer<typeof HealthReport>;

/** A record that a consumer could not take in. */
export const DeadLetter = z.object({
  id: z.string(),
  time: Instant,
  /** Who gave up: `ingest`, `pricing`. */
  consumer: z.string(),
  reason: z.string(),
  message: z.string(),
  topic: z.string(),
  partition: z.string(),
  offset: z.int().nonnegative(),
  bytes: count,
  /** When it was last put back on its topic. */
  replayedAt: Instant.nullable(),
});
export type DeadLetter = z.infer<typeof DeadLetter>;

/** With the record itself: as text when it is UTF-8, else as base64; cut at 256 KiB. */
export const DeadLetterDetail = DeadLetter.extend({
  value: z.string(),
  encoding: z.enum(['utf8', 'base64']),
  truncated: z.boolean(),
  headers: z.record(z.string(), z.string()),
});
