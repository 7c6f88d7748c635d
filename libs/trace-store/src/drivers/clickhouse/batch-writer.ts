import { searchForm } from '../../search-words.ts';
import type { SpanRow } from '../../rows.ts';
import type { TraceWriter, WriteBatch } from '../../trace-store.ts';
import { BoundParams } from './bound-params.ts';
import type { ClickHouseConnection } from './clickhouse-connection.ts';
import { type Fields, insertColumns, rowWriter, type StoredValues, toDateTime } from './row-codec.ts';
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

/** Rows of one table as they are written. */
class TableWriter<Row extends object> {
  readonly #table: string;
  readonly #columns: string[];
  readonly #write: (row: Row) => StoredValues;

  constructor(table: string, fields: Fields<Row>) {
    this.#table = table;
    this.#columns = insertColumns(fields);
    this.#write = rowWriter(fields);
  }

  insert(connection: ClickHouseConnection, rows: readonly Row[], token: string): Promise<void> {
    return connection.insert(this.#table, this.#columns, rows.map(this.#write), `${token}/${this.#table}`);
  }
}

const spanColumns = insertColumns(writtenSpanFields);
const payloads = new TableWriter('span_payloads', payloadFields);
const texts = new TableWriter('span_texts', textFields);
const accepted = new TableWriter('calls_accepted', acceptedFields);
const captureEvents = new TableWriter('capture_events', captureEventFields);
const costs = new TableWriter('costs', costFields);

export class BatchWriter implements TraceWriter {
  readonly #connection: ClickHouseConnection;

  constructor(connection: ClickHouseConnection) {
    this.#connection = connection;
  }

  /** Spans come after what belongs to them, so that a span that is seen has its payloads. */
  async writeBatch(batch: WriteBatch): Promise<void> {
    const { token } = batch;
    const connection = this.#connection;
    const [newSpans] = await Promise.all([
      this.#newSpans(batch),
      this.#newCosts(batch).then((rows) => costs.insert(connection, rows, token)),
      payloads.insert(connection, batch.payloads, token),
      texts.insert(connection, batch.texts.map(lowerCased), token),
      accepted.insert(connection, batch.accepted, token),
      captureEvents.insert(connection, batch.captureEvents, token),
    ]);
    const spans = newSpans.map((span) => storedSpan(span, token));
    await connection.insert('spans', spanColumns, spans, `${token}/spans`);
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

  async #newCosts({ costs: rows, token }: WriteBatch): Promise<WrittenCost[]> {
    const unique = new Map(rows.map((cost) => [`${cost.projectId} ${cost.id}`, cost]));
    const known = await this.#idsOfOtherBatches({ table: 'costs', id: 'id' }, [...unique.values()], token);
    return [...unique]
      .filter(([key]) => !known.has(key))
      .map(([, { type: _, missing = [], reportedUsd = '', ...cost }]) => ({
        ...cost,
        ...{ missing, reportedUsd, batchToken: token },
      }));
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
  return { ...row, text: searchForm(row.text) };
}
