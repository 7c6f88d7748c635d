import type { CostRow } from '../../rows.ts';
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
    const spans = batch.spans.map(storedSpan);
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

  /**
   * Pricing may say a cost twice, in two batches: ids that another batch has written are left out. A batch that comes
   * again does not count its own rows as another's, so it is the same set of rows each time.
   */
  async #newCosts({ costs, token }: WriteBatch): Promise<WrittenCost[]> {
    if (costs.length === 0) return [];
    const unique = new Map(costs.map((cost) => [cost.id, cost]));
    const known = await this.#idsOfOtherBatches([...unique.values()], token);
    return [...unique.values()]
      .filter((cost) => !known.has(cost.id))
      .map(({ type: _, ...cost }) => ({ ...cost, batchToken: token }));
  }

  async #idsOfOtherBatches(costs: readonly CostRow[], token: string): Promise<ReadonlySet<unknown>> {
    const times = costs.map((cost) => toDateTime(cost.startTime)).sort();
    const params = new BoundParams();
    const rows = await this.#connection.select(
      `SELECT DISTINCT id FROM costs
       WHERE project_id IN ${params.bind([...new Set(costs.map((cost) => cost.projectId))], 'Array(String)')}
         AND start_time >= toDateTime64(${params.bind(times.at(0), 'String')}, 9, 'UTC')
         AND start_time <= toDateTime64(${params.bind(times.at(-1), 'String')}, 9, 'UTC')
         AND id IN ${params.bind(
           costs.map((cost) => cost.id),
           'Array(String)',
         )}
         AND batch_token != ${params.bind(token, 'String')}`,
      params,
    );
    return new Set(rows.map((row) => row['id']));
  }
}

function lowerCased<Row extends { readonly text: string }>(row: Row): Row {
  return { ...row, text: row.text.toLowerCase() };
}
