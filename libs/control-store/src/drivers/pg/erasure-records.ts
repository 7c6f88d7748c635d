import { sql, type SQL } from 'drizzle-orm';
import type { DueRetention, Erasure, ErasureUpdate, LedgerStore, RetentionRun } from '../../ledger-store.ts';

const listMax = 200;

interface ErasureRow {
  readonly id: string;
  readonly project_id: string;
  readonly sealed_user: string;
  readonly state: Erasure['state'];
  readonly buckets: string[];
  readonly spans: string;
  readonly payloads: string;
  readonly requested_by: string;
  readonly requested_at_ms: string;
  readonly before_ms: string | null;
  readonly keys_gone_at_ms: string | null;
  readonly rows_gone_at_ms: string | null;
  readonly complete_at_ms: string | null;
}

interface RetentionRow {
  readonly id: string;
  readonly content_days: number | null;
  readonly metadata_days: number | null;
  readonly content_before_ms: string | null;
  readonly metadata_before_ms: string | null;
}

/** What is to be taken out, and how far that has come. */
export class ErasureRecords {
  readonly #rows: <Row>(statement: SQL) => Promise<Row[]>;

  constructor(rows: <Row>(statement: SQL) => Promise<Row[]>) {
    this.#rows = rows;
  }

  async create(erasure: Parameters<LedgerStore['createErasure']>[0]): Promise<void> {
    const { id, projectId, sealedUser, requestedBy, requestedAtMs } = erasure;
    await this.#rows(sql`
      INSERT INTO erasures (id, project_id, sealed_user, state, requested_by, requested_at_ms)
      VALUES (${id}, ${projectId}, ${sealedUser}, 'requested', ${requestedBy}, ${requestedAtMs})`);
  }

  async list(projectId: string): Promise<Erasure[]> {
    const rows = await this.#rows<ErasureRow>(sql`
      SELECT * FROM erasures WHERE project_id = ${projectId} ORDER BY requested_at_ms DESC, id LIMIT ${listMax}`);
    return rows.map(erasureOf);
  }

  async listOpen(limit: number): Promise<Erasure[]> {
    const rows = await this.#rows<ErasureRow>(sql`
      SELECT erasures.* FROM erasures JOIN projects ON projects.id = erasures.project_id
      WHERE state <> 'complete' AND NOT coalesce((projects.retention ->> 'hold')::boolean, false)
      ORDER BY array_position(ARRAY['requested', 'keys_gone'], state), requested_at_ms, erasures.id LIMIT ${limit}`);
    return rows.map(erasureOf);
  }

  async update(id: string, change: ErasureUpdate): Promise<void> {
    const buckets =
      change.buckets === undefined ? sql`buckets` : sql`${sql.param([...change.buckets])}::text[]`;
    const or = (value: number | string | null | undefined, column: string) =>
      value === undefined ? sql.identifier(column) : sql`${value}`;
    await this.#rows(sql`
      UPDATE erasures SET state = ${or(change.state, 'state')}, sealed_user = ${or(change.sealedUser, 'sealed_user')},
        buckets = ${buckets}, spans = ${or(change.spans, 'spans')}, payloads = ${or(change.payloads, 'payloads')},
        before_ms = ${or(change.beforeMs, 'before_ms')},
        keys_gone_at_ms = ${or(change.keysGoneAtMs, 'keys_gone_at_ms')},
        rows_gone_at_ms = ${or(change.rowsGoneAtMs, 'rows_gone_at_ms')},
        complete_at_ms = ${or(change.completeAtMs, 'complete_at_ms')}
      WHERE id = ${id}`);
  }

  async listRetentions(): Promise<DueRetention[]> {
    const rows = await this.#rows<RetentionRow>(sql`
      SELECT projects.id, (retention ->> 'contentDays')::integer AS content_days,
        (retention ->> 'metadataDays')::integer AS metadata_days, runs.content_before_ms, runs.metadata_before_ms
      FROM projects LEFT JOIN retention_runs AS runs ON runs.project_id = projects.id
      WHERE retention IS NOT NULL AND NOT coalesce((retention ->> 'hold')::boolean, false) ORDER BY projects.id`);
    return rows.map((row) => ({
      ...{ projectId: row.id, contentDays: row.content_days, metadataDays: row.metadata_days },
      ...{
        contentBeforeMs: numberOf(row.content_before_ms),
        metadataBeforeMs: numberOf(row.metadata_before_ms),
      },
    }));
  }

  async noteRetention({
    projectId,
    contentBeforeMs,
    metadataBeforeMs,
    ranAtMs,
  }: RetentionRun): Promise<void> {
    await this.#rows(sql`
      INSERT INTO retention_runs (project_id, content_before_ms, metadata_before_ms, ran_at_ms)
      VALUES (${projectId}, ${contentBeforeMs}, ${metadataBeforeMs}, ${ranAtMs})
      ON CONFLICT (project_id) DO UPDATE SET content_before_ms = excluded.content_before_ms,
        metadata_before_ms = excluded.metadata_before_ms, ran_at_ms = excluded.ran_at_ms`);
  }
}

function erasureOf(row: ErasureRow): Erasure {
  return {
    ...{
      id: row.id,
      projectId: row.project_id,
      sealedUser: row.sealed_user,
      state: row.state,
      buckets: row.buckets,
    },
    ...{ spans: Number(row.spans), payloads: Number(row.payloads), requestedBy: row.requested_by },
    requestedAtMs: Number(row.requested_at_ms),
    beforeMs: numberOf(row.before_ms),
    keysGoneAtMs: numberOf(row.keys_gone_at_ms),
    rowsGoneAtMs: numberOf(row.rows_gone_at_ms),
    completeAtMs: numberOf(row.complete_at_ms),
  };
}

function numberOf(text: string | null): number | null {
  return text === null ? null : Number(text);
}
