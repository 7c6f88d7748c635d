import type { CostState } from '@loom/trace-schema';
import type {
  ListedTrace,
  ListQuery,
  Page,
  StoredSpan,
  StoredTrace,
  TraceReader,
} from '../../trace-store.ts';
import { BoundParams } from './bound-params.ts';
import type { ClickHouseConnection } from './clickhouse-connection.ts';
import { checkedLimit, decodeCursor, encodeCursor, listToSql, nanosShape, spanIdShape } from './page.ts';
import type { StoredRow } from './row-codec.ts';
import type { SpanReader } from './span-reader.ts';

type TraceSums = Omit<ListedTrace, 'newestMatch'>;

/** Traces: a trace is a query over its spans. */
export class TraceListReader {
  readonly #connection: ClickHouseConnection;
  readonly #spans: SpanReader;

  constructor(connection: ClickHouseConnection, spans: SpanReader) {
    this.#connection = connection;
    this.#spans = spans;
  }

  /**
   * A trace stands where its newest matching span stands. A later page leaves out the traces that an earlier one had:
   * those with a match between the cursor and the top of the first page.
   */
  async listTraces(query: ListQuery): Promise<Page<ListedTrace>> {
    const limit = checkedLimit(query.limit);
    const params = new BoundParams();
    const where = listToSql(query, params);
    const cursor = query.cursor
      ? decodeCursor(query.cursor, [nanosShape, spanIdShape, nanosShape, spanIdShape])
      : null;
    const below = cursor ? `AND ${belowCursor(cursor, where, params)}` : '';
    const heads = await this.#spans.select(
      `WHERE ${where} ${below} ORDER BY start_time DESC, span_id DESC LIMIT 1 BY trace_id LIMIT ${limit + 1}`,
      params,
      query.projectId,
    );
    const page = heads.slice(0, limit);
    const sums = await this.#sumsOf(
      query.projectId,
      page.map((span) => span.traceId),
    );
    const items = page.flatMap((newestMatch) => {
      const sum = sums.get(newestMatch.traceId);
      return sum ? [{ ...sum, newestMatch }] : [];
    });
    return { items, nextCursor: heads.length > limit ? nextCursor(page, cursor) : null };
  }

  async readTrace(query: Parameters<TraceReader['readTrace']>[0]): Promise<StoredTrace | null> {
    const limit = checkedLimit(query.limit);
    const params = new BoundParams();
    const key = `project_id = ${params.bind(query.projectId, 'String')} AND trace_id = ${params.bind(query.traceId, 'String')}`;
    const [index] = await this.#connection.select(
      `SELECT toUnixTimestamp64Nano(min(first_start)) AS first, toUnixTimestamp64Nano(max(last_start)) AS last
       FROM trace_index WHERE ${key} HAVING count() > 0`,
      params,
    );
    if (!index) return null;
    const startTime = String(index['first']);
    let where = `WHERE ${key} AND start_time >= ${params.time(startTime)} AND start_time <= ${params.time(String(index['last']))}`;
    if (query.cursor) {
      const [time = '', spanId = ''] = decodeCursor(query.cursor, [nanosShape, spanIdShape]);
      where += ` AND (start_time, span_id) > (${params.time(time)}, ${params.bind(spanId, 'String')})`;
    }
    const found = await this.#spans.select(
      `${where} ORDER BY start_time, span_id LIMIT ${limit + 1}`,
      params,
      query.projectId,
    );
    const spans = found.slice(0, limit);
    const last = spans.at(-1);
    const more = found.length > limit && last ? encodeCursor([last.startTime, last.spanId]) : null;
    return { traceId: query.traceId, startTime, spans, nextCursor: more };
  }

  async #sumsOf(projectId: string, traceIds: readonly string[]): Promise<ReadonlyMap<string, TraceSums>> {
    if (traceIds.length === 0) return new Map();
    const params = new BoundParams();
    const key = `project_id = ${params.bind(projectId, 'String')} AND trace_id IN ${params.bind(traceIds, 'Array(String)')}`;
    const bound = (bounds: string) => `(SELECT ${bounds} FROM trace_index WHERE ${key})`;
    const where = `${key} AND start_time >= ${bound('min(first_start)')} AND start_time <= ${bound('max(last_start)')}`;
    const [spans, costs] = await Promise.all([
      this.#connection.select(
        `SELECT trace_id AS traceId, toUnixTimestamp64Nano(min(start_time)) AS startTime,
           max(toUnixTimestamp64Nano(start_time) + toInt64(duration_nanos)) AS endTime, count() AS spanCount,
           sum(is_error) AS errorCount, sum(input_tokens + output_tokens) AS totalTokens
         FROM spans WHERE ${where} GROUP BY trace_id`,
        params,
      ),
      this.#connection.select(
        `SELECT trace_id AS traceId, count() AS costed, countIf(newest_state = 'unpriced') AS unpriced,
           toString(sum(newest_usd)) AS totalUsd
         FROM (
           SELECT trace_id, argMax(state, (time, price_book_version)) AS newest_state,
             argMax(total_usd, (time, price_book_version)) AS newest_usd
           FROM costs WHERE ${where} GROUP BY trace_id, span_id
         ) GROUP BY trace_id`,
        params,
      ),
    ]);
    const costByTrace = new Map(costs.map((row) => [row['traceId'], row]));
    return new Map(
      spans.map((row) => [row['traceId'] as string, readSums(row, costByTrace.get(row['traceId']))]),
    );
  }
}

function belowCursor(cursor: readonly string[], where: string, params: BoundParams): string {
  const [time = '', spanId = '', topTime = '', topSpanId = ''] = cursor;
  const at = `(${params.time(time)}, ${params.bind(spanId, 'String')})`;
  const top = `(${params.time(topTime)}, ${params.bind(topSpanId, 'String')})`;
  return `(start_time, span_id) < ${at} AND trace_id NOT IN (
    SELECT trace_id FROM spans WHERE ${where} AND (start_time, span_id) >= ${at} AND (start_time, span_id) <= ${top})`;
}

function nextCursor(page: readonly StoredSpan[], cursor: readonly string[] | null): string | null {
  const [first, last] = [page.at(0), page.at(-1)];
  if (!first || !last) return null;
  const top = cursor ? cursor.slice(2) : [first.startTime, first.spanId];
  return encodeCursor([last.startTime, last.spanId, ...top]);
}

function readSums(row: StoredRow, cost: StoredRow | undefined): TraceSums {
  const spanCount = Number(row['spanCount']);
  return {
    traceId: row['traceId'] as string,
    startTime: String(row['startTime']),
    endTime: String(row['endTime']),
    spanCount,
    errorCount: Number(row['errorCount']),
    totalTokens: Number(row['totalTokens']),
    totalUsd: (cost?.['totalUsd'] as string | undefined) ?? '0',
    costState: costStateOf(spanCount, Number(cost?.['costed'] ?? 0), Number(cost?.['unpriced'] ?? 0)),
  };
}

function costStateOf(spans: number, costed: number, unpriced: number): CostState {
  if (costed < spans) return 'pending';
  return unpriced > 0 ? 'unpriced' : 'priced';
}
