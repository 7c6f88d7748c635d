import { columnOf } from '@loom/trace-schema/stored-columns';
import type { AuditedTable, StoredFields, TraceAuditor } from '../../trace-auditor.ts';
import { BoundParams } from './bound-params.ts';
import type { ClickHouseConnection } from './clickhouse-connection.ts';
import { DerivedAudit } from './derived-audit.ts';
import { type Fields, fromStoredAsIs, selectList, type StoredRow } from './row-codec.ts';
import {
  acceptedFields,
  captureEventFields,
  costFields,
  payloadFields,
  textFields,
  writtenSpanFields,
} from './row-fields.ts';

const { data: _, ...payloadFacts } = payloadFields;

interface Audited {
  readonly fields: Fields<never>;
  readonly eventId: string;
  /** Rows of one event, in the sense of {@link TraceAuditor.listEventIds}. */
  readonly copies: string;
}

/** Rows that say the same are one. */
const different = (fields: Fields<never>) =>
  `uniqExact(tuple(${Object.keys(fields).map(columnOf).join(', ')}))`;

const audited: Readonly<Record<AuditedTable, Audited>> = {
  spans: { fields: writtenSpanFields, eventId: 'event_id', copies: 'count()' },
  calls_accepted: { fields: acceptedFields, eventId: 'event_id', copies: different(acceptedFields) },
  costs: { fields: costFields, eventId: 'id', copies: 'count()' },
  capture_events: { fields: captureEventFields, eventId: 'event_id', copies: different(captureEventFields) },
  span_payloads: { fields: payloadFacts, eventId: '', copies: '' },
  span_texts: { fields: textFields, eventId: '', copies: '' },
};

const idsPageMax = 5000;

/** Reads rows for checks: as they are, whatever somebody has made of them. */
export class RowAuditor implements TraceAuditor {
  readonly #connection: ClickHouseConnection;
  readonly #derived: DerivedAudit;

  constructor(connection: ClickHouseConnection) {
    this.#connection = connection;
    this.#derived = new DerivedAudit(connection);
  }

  async storedRows({ projectId, table, by, ids, started }: Parameters<TraceAuditor['storedRows']>[0]) {
    if (ids.length === 0) return [];
    const { fields, eventId } = audited[table];
    const params = new BoundParams();
    const column = by === 'spanId' ? 'span_id' : eventId;
    const bounds = started
      ? ` AND start_time >= ${params.time(started.from)} AND start_time <= ${params.time(started.to)}`
      : '';
    // Two rows of one slice with other bytes: which of them a reader gets is chance.
    const more = table === 'span_payloads' ? ', toString(cityHash64(data)) AS dataMark' : '';
    const rows = await this.#connection.select(
      `SELECT ${selectList(fields)}${more} FROM ${table}
       WHERE project_id = ${params.bind(projectId, 'String')} AND ${column} IN ${params.bind(ids, 'Array(String)')}${bounds}`,
      params,
    );
    return rows.map((row): StoredFields => ({ ...row, ...fromStoredAsIs(fields, row) }));
  }

  async listEventIds({ projectId, table, after }: Parameters<TraceAuditor['listEventIds']>[0]) {
    const { eventId, copies } = audited[table];
    const params = new BoundParams();
    const from = after === null ? '' : ` AND ${eventId} > ${params.bind(after, 'String')}`;
    const rows = await this.#connection.select(
      `SELECT ${eventId} AS id, ${copies} AS copies FROM ${table}
       WHERE project_id = ${params.bind(projectId, 'String')}${from}
       GROUP BY id ORDER BY id LIMIT ${idsPageMax}`,
      params,
    );
    return rows.map(({ id, copies: count }: StoredRow) => ({ id: id as string, copies: Number(count) }));
  }

  async listStrays({ projectId, table }: Parameters<TraceAuditor['listStrays']>[0]) {
    const params = new BoundParams();
    const project = `project_id = ${params.bind(projectId, 'String')}`;
    const rows = await this.#connection.select(
      `SELECT DISTINCT span_id AS spanId, toString(part) AS part FROM ${table} WHERE ${project}
         AND (part = 'response' OR span_id NOT IN (SELECT span_id FROM calls_accepted WHERE ${project} AND request_hash != ''))
         AND (part = 'request' OR span_id NOT IN (SELECT span_id FROM spans WHERE ${project} AND response_hash != ''))
       ORDER BY spanId, part LIMIT 100`,
      params,
    );
    return rows.map((row: StoredRow) => ({ spanId: String(row['spanId']), part: String(row['part']) }));
  }

  findDeviations(query: Parameters<TraceAuditor['findDeviations']>[0]) {
    return this.#derived.findDeviations(query);
  }
}
