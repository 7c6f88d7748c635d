import type { SpanRow } from '../../rows.ts';
import type { TraceWriter, WriteBatch } from '../../trace-store.ts';
import { BoundParams } from './bound-params.ts';
import type { ClickHouseConnection } from './clickhouse-connection.ts';
import { type Fields, insertColumns, toDateTime, toStored } from './row-codec.ts';
import {
  acceptedFields,
  captureEventFields,
  costFields,
  payloadFields,
  storedSpan,
  textFields,
  type WrittenCost,
  writtenSpanFields,
} from './row-fields.ts';

export class BatchWriter implements TraceWriter {
  readonly #connection: ClickHouseConnection;

  constructor(connection: ClickHouseConnection) {
    this.#connection = connection;
  }

  /** Spans come after what belongs to them, so that a span that is seen has its payloads. */
  async writeBatch(batch: WriteBatch): Promise<void> {
    const { token } = batch;
    await Promise.all([
      this.#insert('span_payloads', payloadFields, batch.payloads, token),
      this.#insert('span_texts', textFields, batch.texts.map(lowerCased), token),
      this.#insert('calls_accepted', acceptedFields, batch.accepted, token),
      this.#insert('capture_events', captureEventFields, batch.captureEvents, token),
    ]);
    const spans = (await this.#newSpans(batch)).map((span) => storedSpan(span, token));
    await this.#connection.insert('spans', insertColumns(writtenSpanFields), spans, `${token}/spans`);
    await this.#insert('costs', costFields, await this.#newCosts(batch), token);
  }

  #insert<Row extends object>(
    table: string,
    fields: Fields<Row>,
    rows: readonly Row[],
    token: string,
  ): Promise<void> {
    const stored = rows.map((row) => toStored(fields, row));
    return this.#connection.insert(table, insertColumns(fields), stored, `${token}/${table}`);
  }

  /*
   * The stream delivers at least once: what another batch has written is left out. A batch that comes again does not
   * count its own rows as another's, so it is the same set of rows each time.
   */
  async #newSpans({ spans, token }: WriteBatch): Promise<SpanRow[]> {
    const unique = new Map(spans.map((span) => [`${span.projectId} ${span.spanId}`, span]));
    const known = await this.#idsOfOtherBatches(
      { table: 'spans', id: 'span_id' },
      [...unique.values()],
      token,
    );
    return [...unique].filter(([key]) => !known.has(key)).map(([, span]) => span);
  }

  async #newCosts({ costs, token }: WriteBatch): Promise<WrittenCost[]> {
    const unique = new Map(costs.map((cost) => [`${cost.projectId} ${cost.id}`, cost]));
    const known = await this.#idsOfOtherBatches({ table: 'costs', id: 'id' }, [...unique.values()], token);
    return [...unique]
      .filter(([key]) => !known.has(key))
      .map(([, { type: _, ...cost }]) => ({ ...cost, batchToken: token }));
  }

  /** Project and id of rows that are there under another token. */
  async #idsOfOtherBatches(
    {
      table,
      id,
    }: { readonly table: 'spans'; readonly id: 'span_id' } | { readonly table: 'costs'; readonly id: 'id' },
    rows: readonly (Pick<SpanRow, 'projectId' | 'spanId' | 'startTime'> & { readonly id?: string })[],
    token: string,
  ): Promise<ReadonlySet<string>> {
    if (rows.length === 0) return new Set();
    const times = rows.map((row) => toDateTime(row.startTime)).sort();
    const ids = rows.map((row) => (id === 'id' ? row.id : row.spanId));
    const params = new BoundParams();
    const found = await this.#connection.select(
      `SELECT DISTINCT project_id AS projectId, ${id} AS id FROM ${table}
       WHERE project_id IN ${params.bind([...new Set(rows.map((row) => row.projectId))], 'Array(String)')}
         AND start_time >= toDateTime64(${params.bind(times.at(0), 'String')}, 9, 'UTC')
         AND start_time <= toDateTime64(${params.bind(times.at(-1), 'String')}, 9, 'UTC')
         AND ${id} IN ${params.bind(ids, 'Array(String)')}
         AND batch_token != ${params.bind(token, 'String')}`,
      params,
    );
    return new Set(found.map((row) => `${String(row['projectId'])} ${String(row['id'])}`));
  }
}

function lowerCased<Row extends { readonly text: string }>(row: Row): Row {
  return { ...row, text: row.text.toLowerCase() };
}
