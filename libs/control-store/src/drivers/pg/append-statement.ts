import { sql, type SQL } from 'drizzle-orm';
import type { Append } from '../../ledger-store.ts';

/**
 * One statement for the whole change of a log, so that it needs no transaction that a stopped process could hold open:
 * the head is changed where epoch and size are the expected ones, and all else is written where the head was changed.
 */
export function appendStatement(change: Append): SQL {
  const { projectId, expected, head, nowMs } = change;
  const size = expected.size + change.leaves.length;
  const edge = Buffer.concat(head.edge);
  return sql`
    WITH moved AS (
      UPDATE ledger_heads
      SET epoch = ${head.epoch}, size = ${size}, edge = ${edge}, appender = ${head.appender}, appended_at = clock_timestamp()
      WHERE project_id = ${projectId} AND epoch = ${expected.epoch} AND size = ${expected.size}
      RETURNING 1
    ), made AS (
      INSERT INTO ledger_heads (project_id, epoch, size, edge, appender)
      SELECT ${projectId}, ${head.epoch}::bigint, ${size}::bigint, ${edge}::bytea, ${head.appender}
      WHERE ${expected.epoch}::bigint = 0
      ON CONFLICT DO NOTHING RETURNING 1
    ), head AS (SELECT 1 FROM moved UNION ALL SELECT 1 FROM made),
    ${leafParts(change)},
    ${progressParts(change, nowMs)},
    ${callParts(change)}
    SELECT EXISTS (SELECT 1 FROM head) AS written`;
}

function leafParts({ projectId, expected, leaves }: Append): SQL {
  const rows = leaves.map((leaf, index) => ({ ...leaf, index: expected.size + index }));
  return sql`leaves AS (
      INSERT INTO ledger_leaves (project_id, index, event_id, kind, time_ms, envelope)
      SELECT ${projectId}, index, "eventId", kind, "timeMs", envelope
      FROM ${records(rows)} AS leaf(index bigint, "eventId" text, kind text, "timeMs" bigint, envelope text)
      WHERE EXISTS (SELECT 1 FROM head)
    )`;
}

function progressParts({ projectId, marks, gaps, filledGaps, ends }: Append, nowMs: number): SQL {
  const markRows = [...marks].map(([emitter, seq]) => ({ emitter, seq }));
  return sql`marks AS (
      INSERT INTO ledger_marks (project_id, emitter, seq)
      SELECT ${projectId}, emitter, seq FROM ${records(markRows)} AS mark(emitter text, seq bigint)
      WHERE EXISTS (SELECT 1 FROM head)
      ON CONFLICT (project_id, emitter) DO UPDATE SET seq = excluded.seq WHERE ledger_marks.seq < excluded.seq
    ), filled AS (
      DELETE FROM ledger_gaps USING ${records(filledGaps)} AS gone(emitter text, "from" bigint)
      WHERE project_id = ${projectId} AND ledger_gaps.emitter = gone.emitter AND from_seq = gone."from"
        AND EXISTS (SELECT 1 FROM head)
    ), gaps AS (
      INSERT INTO ledger_gaps (project_id, emitter, from_seq, to_seq, noticed_at_ms, is_sealed)
      SELECT ${projectId}, emitter, "from", "to", "noticedAtMs", "isSealed"
      FROM ${records(gaps)} AS gap(emitter text, "from" bigint, "to" bigint, "noticedAtMs" bigint, "isSealed" boolean)
      WHERE EXISTS (SELECT 1 FROM head)
      ON CONFLICT (project_id, emitter, from_seq) DO UPDATE SET to_seq = excluded.to_seq, is_sealed = excluded.is_sealed
    ), ends AS (
      INSERT INTO ledger_ends (project_id, emitter, last_seq, noticed_at_ms)
      SELECT "projectId", emitter, "lastSeq", ${nowMs}::bigint
      FROM ${records(ends)} AS ended("projectId" text, emitter text, "lastSeq" bigint)
      WHERE EXISTS (SELECT 1 FROM head)
      ON CONFLICT DO NOTHING
    )`;
}

function callParts({ projectId, openCalls, endedCalls, orphanedCalls }: Append): SQL {
  return sql`opened AS (
      INSERT INTO ledger_open_calls (project_id, call_id, accepted_at_ms)
      SELECT ${projectId}, "callId", "acceptedAtMs"
      FROM ${records(openCalls)} AS call("callId" text, "acceptedAtMs" bigint)
      WHERE EXISTS (SELECT 1 FROM head)
      ON CONFLICT DO NOTHING
    ), ended AS (
      DELETE FROM ledger_open_calls
      WHERE project_id = ${projectId} AND call_id = ANY(${sql.param([...endedCalls])}::text[])
        AND EXISTS (SELECT 1 FROM head)
    ), orphaned AS (
      UPDATE ledger_open_calls SET is_orphaned = true
      WHERE project_id = ${projectId} AND call_id = ANY(${sql.param([...orphanedCalls])}::text[])
        AND EXISTS (SELECT 1 FROM head)
    )`;
}

function records(rows: readonly object[]): SQL {
  return sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)`;
}
