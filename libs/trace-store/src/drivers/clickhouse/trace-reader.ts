import type { CostState, TraceOrder, TraceSort } from '@loom/trace-schema';
import type {
  ListedSpan,
  ListedTrace,
  ListQuery,
  Page,
  StoredTrace,
  TraceListQuery,
  TraceReader,
} from '../../trace-store.ts';
import { cutMark } from '../../part-words.ts';
import { BoundParams } from './bound-params.ts';
import type { ClickHouseConnection } from './clickhouse-connection.ts';
import {
  boundsToSql,
  checkedLimit,
  decodeCursor,
  encodeCursor,
  listToSql,
  nanosShape,
  spanIdShape,
} from './page.ts';
import { type Fields, fromStored, selectList, type StoredRow } from './row-codec.ts';
import { totalTokens } from './row-fields.ts';
import { readSortedCursor, type SortedTrace, sortedTracesToSql, writeSortedCursor } from './sorted-traces.ts';
import type { SpanReader } from './span-reader.ts';

type TraceSums = Omit<ListedTrace, 'newestMatch'>;

interface Place {
  readonly startTime: string;
  readonly spanId: string;
}

/** The newest matching span of a trace. */
interface Head extends Place {
  readonly traceId: string;
}

interface HeadPage {
  readonly page: readonly Head[];
  readonly nextCursor: string | null;
}

/** The last trace of the page before, and the first of the first page. */
interface ListCursor {
  readonly at: Place;
  readonly top: Place;
}

const listedFields: Fields<Omit<ListedSpan, 'totalTokens'>> = {
  spanId: 'text',
  callId: 'text',
  startTime: 'time',
  operation: 'text',
  provider: 'text',
  requestModel: 'text',
  responseModel: 'text',
  outcome: 'text',
  status: 'number',
  stream: 'flag',
  durationNanos: 'number',
  timeToFirstChunkNanos: 'optionalNumber',
  errorType: 'text',
  keyId: 'text',
  userId: 'text',
  sessionId: 'text',
  inputPreview: 'text',
  outputPreview: 'text',
};

const hourNanos = 3_600_000_000_000n;
const firstWindowNanos = hourNanos;
const windowGrowth = 8n;
/** After this one the rest is read at once. */
const lastWindowNanos = 100n * 24n * hourNanos;

/** Traces: a trace is a query over its spans. */
export class TraceListReader {
  readonly #connection: ClickHouseConnection;
  readonly #spans: SpanReader;

  constructor(connection: ClickHouseConnection, spans: SpanReader) {
    this.#connection = connection;
    this.#spans = spans;
  }

  /**
   * Newest first a trace stands where its newest matching span stands, else by its figures. A later page leaves out the traces that an earlier one had:
   * those with a match between the cursor and the top of the first page.
   */
  async listTraces(query: TraceListQuery): Promise<Page<ListedTrace>> {
    const limit = checkedLimit(query.limit);
    listToSql(query, new BoundParams()); // a filter that is wrong is wrong also where nothing is read
    const { sort = 'time', order = 'desc' } = query;
    const isNewestFirst = sort === 'time' && order === 'desc';
    const { page, nextCursor } = isNewestFirst
      ? await this.#newest(query, limit)
      : await this.#sorted(query, { sort, order, limit });
    const [spans, sums] = await Promise.all([
      this.#spansOf(query.projectId, page),
      this.#sumsOf(
        query.projectId,
        page.map((head) => head.traceId),
      ),
    ]);
    const items = page.flatMap(({ traceId, spanId }) => {
      const [newestMatch, sum] = [spans.get(spanId), sums.get(traceId)];
      return newestMatch && sum ? [{ ...sum, newestMatch }] : [];
    });
    return { items, nextCursor };
  }

  async #newest(query: ListQuery, limit: number): Promise<HeadPage> {
    const cursor = query.cursor ? readCursor(query.cursor) : null;
    const found = await this.#heads(query, cursor, limit + 1);
    const page = found.slice(0, limit);
    return { page, nextCursor: found.length > limit ? nextCursor(page, cursor) : null };
  }

  async #sorted(
    given: ListQuery,
    { limit, ...by }: { readonly sort: TraceSort; readonly order: TraceOrder; readonly limit: number },
  ): Promise<HeadPage> {
    const cursor = given.cursor ? readSortedCursor(given.cursor, by.sort, by.order) : null;
    const to = cursor?.to ?? given.to ?? String(BigInt(Date.now()) * 1_000_000n);
    const query = { ...given, to };
    const params = new BoundParams();
    const found = (await this.#connection.select(
      sortedTracesToSql(query, by, { cursor, limit, params }),
      params,
    )) as unknown as SortedTrace[];
    const rows = found.slice(0, limit);
    const heads = await this.#headsOf(
      query,
      rows.map(({ traceId }) => traceId),
    );
    const last = rows.at(-1);
    return {
      page: rows.flatMap(({ traceId }) => heads.get(traceId) ?? []),
      nextCursor: found.length > limit && last ? writeSortedCursor(last, { ...by, to }) : null,
    };
  }

  async #headsOf(query: ListQuery, traceIds: readonly string[]): Promise<ReadonlyMap<string, Head>> {
    if (traceIds.length === 0) return new Map();
    const params = new BoundParams();
    const where = `${listToSql(query, params)} AND trace_id IN ${params.bind(traceIds, 'Array(String)')}`;
    const rows = await this.#connection.select(
      `SELECT trace_id AS traceId, argMax(span_id, (start_time, span_id)) AS spanId,
         toUnixTimestamp64Nano(max(start_time)) AS startTime FROM spans WHERE ${where} GROUP BY trace_id`,
      params,
    );
    return new Map(rows.map((row) => [String(row['traceId']), toHead(row)]));
  }

  async countUnsearched(query: Parameters<TraceReader['countUnsearched']>[0]): Promise<number> {
    const params = new BoundParams();
    const [row] = await this.#connection.select(
      `SELECT uniqExact(span_id) AS calls FROM span_texts
       WHERE ${boundsToSql(query, params)} AND hasAllTokens(text, ${params.bind([cutMark], 'Array(String)')})`,
      params,
    );
    return Number(row?.['calls'] ?? 0);
  }

  /**
   * Where the traces of a page stand. The range is read from its end in windows that grow, so that a list of what is
   * frequent reads little, and one of what is rare reads everything once.
   */
  async #heads(query: ListQuery, cursor: ListCursor | null, count: number): Promise<Head[]> {
    const heads = new Map<string, Head>();
    const first = query.from === null ? 0n : BigInt(query.from);
    let to = await this.#endOf(query, cursor);
    for (let size = firstWindowNanos; to > first && heads.size < count; size *= windowGrowth) {
      const from = to - size < first || size > lastWindowNanos ? first : to - size;
      const window = { ...query, from: String(from), to: String(to) };
      for (const head of await this.#headsIn(window, cursor, count + heads.size)) {
        if (!heads.has(head.traceId)) heads.set(head.traceId, head);
      }
      to = from;
    }
    return [...heads.values()].slice(0, count);
  }

  /** After the newest span that can be on the page. */
  async #endOf({ projectId, from, to }: ListQuery, cursor: ListCursor | null): Promise<bigint> {
    if (cursor) return BigInt(cursor.at.startTime) + 1n;
    if (to !== null) return BigInt(to);
    const params = new BoundParams();
    const [row] = await this.#connection.select(
      `SELECT toUnixTimestamp64Nano(start_time) AS start FROM spans
       WHERE ${boundsToSql({ projectId, from, to }, params)} ORDER BY start_time DESC LIMIT 1`,
      params,
    );
    return row ? BigInt(String(row['start'])) + 1n : 0n;
  }

  async #headsIn(query: ListQuery, cursor: ListCursor | null, count: number): Promise<Head[]> {
    const params = new BoundParams();
    const where = listToSql(query, params);
    const below = cursor ? `AND ${belowCursor(cursor, query, params)}` : '';
    const rows = await this.#connection.select(
      `SELECT trace_id AS traceId, span_id AS spanId, toUnixTimestamp64Nano(start_time) AS startTime
       FROM spans WHERE ${where} ${below}
       ORDER BY start_time DESC, span_id DESC LIMIT 1 BY trace_id LIMIT ${count}`,
      params,
    );
    return rows.map(toHead);
  }

  async #spansOf(projectId: string, heads: readonly Head[]): Promise<ReadonlyMap<string, ListedSpan>> {
    if (heads.length === 0) return new Map();
    const params = new BoundParams();
    const ids = params.bind(
      heads.map((head) => head.spanId),
      'Array(String)',
    );
    const rows = await this.#connection.select(
      `SELECT ${selectList(listedFields)}, ${totalTokens} AS totalTokens FROM spans
       WHERE project_id = ${params.bind(projectId, 'String')}
         AND start_time IN ${params.times(heads.map((head) => head.startTime))} AND span_id IN ${ids}
       SETTINGS use_skip_indexes = 0`, // the primary key is exact
      params,
    );
    const spans = rows.map((row) => ({
      ...fromStored<Omit<ListedSpan, 'totalTokens'>>(listedFields, row),
      totalTokens: Number(row['totalTokens']),
    }));
    const shown = await this.#spans.withInputPreviews(projectId, spans);
    return new Map(shown.map((span) => [span.spanId, span]));
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
    const read = (statement: (where: string) => string) => {
      const params = new BoundParams();
      const where = `project_id = ${params.bind(projectId, 'String')} AND trace_id IN ${params.bind(traceIds, 'Array(String)')}`;
      return this.#connection.select(statement(where), params);
    };
    const [spans, costs] = await Promise.all([
      read(
        (
          where,
        ) => `SELECT trace_id AS traceId, toUnixTimestamp64Nano(min(start)) AS startTime, max(end) AS endTime,
            count() AS spanCount, countIf(NOT was_refused) AS acceptedCount, sum(error) AS errorCount,
            sum(token_count) AS totalTokens
          FROM (
            SELECT trace_id, any(start_time) AS start, any(is_error) AS error, any(tokens) AS token_count,
              any(refused) AS was_refused, any(toUnixTimestamp64Nano(start_time) + toInt64(duration_nanos)) AS end
            FROM spans_by_trace WHERE ${where} GROUP BY trace_id, span_id
          ) GROUP BY trace_id`,
      ),
      read(
        (where) => `SELECT trace_id AS traceId, count() AS costed,
            countIf(newest_state = 'unpriced' AND was_called) AS unpriced,
            countIf(newest_state = 'partial' AND was_called) AS partial,
            countIf(newest_state != 'unpriced') AS priced, toString(sum(newest_usd)) AS totalUsd
          FROM (
            SELECT trace_id, any(called) AS was_called, argMax(state, (time, price_book_version)) AS newest_state,
              argMax(total_usd, (time, price_book_version)) AS newest_usd
            FROM costs_by_trace WHERE ${where} GROUP BY trace_id, span_id
          ) GROUP BY trace_id`,
      ),
    ]);
    const costByTrace = new Map(costs.map((row) => [row['traceId'], row]));
    return new Map(
      spans.map((row) => [row['traceId'] as string, readSums(row, costByTrace.get(row['traceId']))]),
    );
  }
}

function toHead(row: StoredRow): Head {
  const { traceId, spanId, startTime } = row;
  return { traceId: String(traceId), spanId: String(spanId), startTime: String(startTime) };
}

function readCursor(text: string): ListCursor {
  const parts = decodeCursor(text, [nanosShape, spanIdShape, nanosShape, spanIdShape]);
  const [startTime = '', spanId = '', topTime = '', topSpanId = ''] = parts;
  return { at: { startTime, spanId }, top: { startTime: topTime, spanId: topSpanId } };
}

function belowCursor({ at, top }: ListCursor, query: ListQuery, params: BoundParams): string {
  const place = ({ startTime, spanId }: Place) =>
    `(${params.time(startTime)}, ${params.bind(spanId, 'String')})`;
  const between = { ...query, from: at.startTime, to: String(BigInt(top.startTime) + 1n) };
  return `(start_time, span_id) < ${place(at)} AND trace_id NOT IN (
    SELECT trace_id FROM spans WHERE ${listToSql(between, params)}
      AND (start_time, span_id) >= ${place(at)} AND (start_time, span_id) <= ${place(top)})`;
}

function nextCursor(page: readonly Head[], cursor: ListCursor | null): string | null {
  const [first, last] = [page.at(0), page.at(-1)];
  if (!first || !last) return null;
  const top = cursor ? cursor.top : first;
  return encodeCursor([last.startTime, last.spanId, top.startTime, top.spanId]);
}

function readSums(row: StoredRow, cost: StoredRow | undefined): TraceSums {
  const spanCount = Number(row['spanCount']);
  const costState = costStateOf(
    Number(row['acceptedCount']),
    Number(cost?.['costed'] ?? 0),
    Number(cost?.['unpriced'] ?? 0),
    Number(cost?.['partial'] ?? 0),
  );
  const isPriced = costState === 'priced' || Number(cost?.['priced'] ?? 0) > 0;
  return {
    traceId: row['traceId'] as string,
    startTime: String(row['startTime']),
    endTime: String(row['endTime']),
    spanCount,
    errorCount: Number(row['errorCount']),
    totalTokens: Number(row['totalTokens']),
    totalUsd: isPriced ? ((cost?.['totalUsd'] as string | undefined) ?? '0') : null,
    costState,
  };
}

/** What was refused costs nothing, and neither does what calls no provider: tools, agents, workflows. */
function costStateOf(spans: number, costed: number, unpriced: number, partial: number): CostState {
  if (costed < spans) return 'pending';
  if (unpriced > 0) return 'unpriced';
  return partial > 0 ? 'partial' : 'priced';
}
