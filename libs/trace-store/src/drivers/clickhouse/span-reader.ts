import {
  type AcceptedRow,
  type CaptureEventRow,
  payloadHeadIndex,
  type PayloadRow,
  type SpanRow,
} from '../../rows.ts';
import type {
  ListQuery,
  Page,
  PayloadsQuery,
  SpanKey,
  SpanMatchQuery,
  StoredCost,
  StoredPayload,
  StoredSpan,
} from '../../trace-store.ts';
import { pageLimitMax } from '../../trace-store.ts';
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
import { fromStored, selectList, type StoredRow } from './row-codec.ts';
import {
  acceptedFields,
  captureEventFields,
  costFields,
  payloadFields,
  readSpanRow,
  spanFields,
  type WrittenCost,
} from './row-fields.ts';

/** Spans and what hangs on them. */
export class SpanReader {
  readonly #connection: ClickHouseConnection;

  constructor(connection: ClickHouseConnection) {
    this.#connection = connection;
  }

  async listSpans(query: ListQuery): Promise<Page<StoredSpan>> {
    const limit = checkedLimit(query.limit);
    const params = new BoundParams();
    const conditions = [listToSql(query, params)];
    if (query.cursor) {
      const [time = '', spanId = ''] = decodeCursor(query.cursor, [nanosShape, spanIdShape]);
      conditions.push(`(start_time, span_id) < (${params.time(time)}, ${params.bind(spanId, 'String')})`);
    }
    const spans = await this.select(
      `WHERE ${conditions.join(' AND ')} ORDER BY start_time DESC, span_id DESC LIMIT ${limit + 1}`,
      params,
      query.projectId,
    );
    const items = spans.slice(0, limit);
    const last = items.at(-1);
    return {
      items,
      nextCursor: spans.length > limit && last ? encodeCursor([last.startTime, last.spanId]) : null,
    };
  }

  async readSpan({ projectId, spanId }: SpanKey): Promise<StoredSpan | null> {
    const params = new BoundParams();
    const where = spanWhere({ projectId, spanId }, params);
    return (await this.select(`${where} LIMIT 1`, params, projectId))[0] ?? null;
  }

  /** Spans with their costs. `tail`: WHERE, ORDER BY and LIMIT on spans of this one project. */
  async select(tail: string, params: BoundParams, projectId: string): Promise<StoredSpan[]> {
    const rows = await this.#connection.select(
      `SELECT ${selectList(spanFields)}, length(chunk_lengths) AS chunkCount FROM spans ${tail}`,
      params,
    );
    const spans = rows.map((row) => ({ ...readSpanRow(row), chunkCount: Number(row['chunkCount']) }));
    if (spans.length === 0) return [];
    const [costs, shown] = await Promise.all([
      this.#costsOf(projectId, spans),
      this.withInputPreviews(projectId, spans),
    ]);
    return shown.map((span) => {
      const cost = costs.get(span.spanId) ?? null;
      return { ...span, costState: cost?.state ?? 'pending', cost };
    });
  }

  /** What was asked is known by the accepted calls, where the spans do not say it themselves. */
  async withInputPreviews<Span extends Pick<SpanRow, 'callId' | 'startTime' | 'inputPreview'>>(
    projectId: string,
    spans: readonly Span[],
  ): Promise<Span[]> {
    const times = spans.map((span) => BigInt(span.startTime)).sort((left, right) => (left < right ? -1 : 1));
    const bounds = { projectId, first: String(times.at(0)), last: String(times.at(-1)) };
    const callIds = spans.filter((span) => span.inputPreview === '').map((span) => span.callId);
    const previews = await this.#inputPreviewsOf(bounds, callIds);
    return spans.map((span) => ({ ...span, inputPreview: previews.get(span.callId) ?? span.inputPreview }));
  }

  async matchSpans({ spanIds, ...query }: SpanMatchQuery): Promise<ReadonlySet<string>> {
    if (spanIds.length === 0) return new Set();
    const params = new BoundParams();
    const ids = params.bind(spanIds.slice(0, pageLimitMax), 'Array(String)');
    const rows = await this.#connection.select(
      `SELECT DISTINCT span_id AS id FROM spans WHERE ${listToSql(query, params)} AND span_id IN ${ids}`,
      params,
    );
    return new Set(rows.map(({ id }) => id as string));
  }

  async readPayloads({ projectId, spanIds, part }: PayloadsQuery): Promise<StoredPayload[]> {
    if (spanIds.length === 0) return [];
    const params = new BoundParams();
    const rows = await this.#connection.select(
      `SELECT ${selectList(payloadFields)} FROM span_payloads
       WHERE project_id = ${params.bind(projectId, 'String')}
         AND span_id IN ${params.bind(spanIds.slice(0, pageLimitMax), 'Array(String)')}
         AND part = ${params.bind(part, 'String')}
       ORDER BY span_id, index LIMIT 1 BY span_id, index`,
      params,
    );
    const found = rows.map((row) => fromStored<PayloadRow>(payloadFields, row));
    return [...Map.groupBy(found, ({ spanId }) => spanId).values()].flatMap(([head, ...slices]) => {
      if (head?.index !== payloadHeadIndex) return [];
      const { spanId, codec, keyId, length, hash, storedLength, parts } = head;
      const data = joinPayload(head, slices);
      return [{ spanId, part, codec, keyId, length, hash, storedLength, parts, data }];
    });
  }

  async readChunks({
    projectId,
    spanId,
  }: SpanKey): Promise<{ atMicros: number[]; lengths: number[] } | null> {
    const params = new BoundParams();
    const where = spanWhere({ projectId, spanId }, params);
    const [row] = await this.#connection.select(
      `SELECT chunk_at_micros AS at, chunk_lengths AS lengths FROM spans ${where} LIMIT 1`,
      params,
    );
    if (!row) return null;
    const numbers = (name: string) => (row[name] as unknown[]).map(Number);
    return { atMicros: numbers('at'), lengths: numbers('lengths') };
  }

  async callsInFlight(query: Omit<ListQuery, 'filter' | 'cursor'>): Promise<AcceptedRow[]> {
    const params = new BoundParams();
    const bounds = boundsToSql(query, params);
    const since = query.from === null ? '' : `AND start_time >= ${params.time(query.from)} - INTERVAL 1 HOUR`;
    const project = params.bind(query.projectId, 'String');
    const rows = await this.#connection.select(
      `SELECT ${selectList(acceptedFields)} FROM calls_accepted
       WHERE ${bounds} AND call_id NOT IN (SELECT call_id FROM spans WHERE project_id = ${project} ${since})
       ORDER BY start_time DESC, call_id DESC LIMIT 1 BY call_id LIMIT ${checkedLimit(query.limit)}`,
      params,
    );
    return rows.map((row) => fromStored(acceptedFields, row));
  }

  async listCaptureEvents(query: Omit<ListQuery, 'filter' | 'cursor'>): Promise<CaptureEventRow[]> {
    const params = new BoundParams();
    const rows = await this.#connection.select(
      `SELECT ${selectList(captureEventFields)} FROM capture_events
       WHERE ${boundsToSql(query, params, 'time')}
       ORDER BY time DESC, event_id DESC LIMIT 1 BY event_id LIMIT ${checkedLimit(query.limit)}`,
      params,
    );
    return rows.map((row) => fromStored(captureEventFields, row));
  }

  /** The newest cost of each span. A cost has the start of its span. */
  async #costsOf(
    projectId: string,
    spans: readonly Pick<StoredSpan, 'spanId' | 'startTime'>[],
  ): Promise<ReadonlyMap<string, StoredCost>> {
    const params = new BoundParams();
    const ids = params.bind(
      spans.map((span) => span.spanId),
      'Array(String)',
    );
    const rows = await this.#connection.select(
      `SELECT ${selectList(costFields)} FROM costs
       WHERE project_id = ${params.bind(projectId, 'String')}
         AND start_time IN ${params.times(spans.map((span) => span.startTime))} AND span_id IN ${ids}
       ORDER BY costs.time DESC, price_book_version DESC LIMIT 1 BY span_id`,
      params,
    );
    return new Map(rows.map((row) => [row['spanId'] as string, readCost(row)]));
  }

  /** The request came with the accepted call, whose time is that of its acceptance: a little after the span's start. */
  async #inputPreviewsOf(
    bounds: SpanBounds,
    callIds: readonly string[],
  ): Promise<ReadonlyMap<string, string>> {
    if (callIds.length === 0) return new Map();
    const params = new BoundParams();
    const rows = await this.#connection.select(
      `SELECT call_id AS callId, input_preview AS preview FROM calls_accepted
       WHERE project_id = ${params.bind(bounds.projectId, 'String')}
         AND start_time >= ${params.time(bounds.first)} AND start_time <= ${params.time(bounds.last)} + INTERVAL 1 HOUR
         AND call_id IN ${params.bind(callIds, 'Array(String)')}`,
      params,
    );
    return new Map(rows.map((row) => [row['callId'] as string, row['preview'] as string]));
  }
}

interface SpanBounds {
  readonly projectId: string;
  /** Earliest and latest start. */
  readonly first: string;
  readonly last: string;
}

function spanWhere({ projectId, spanId }: SpanKey, params: BoundParams): string {
  return `WHERE project_id = ${params.bind(projectId, 'String')} AND span_id = ${params.bind(spanId, 'String')}`;
}

function readCost(row: StoredRow): StoredCost {
  const cost = fromStored<WrittenCost>(costFields, row);
  const { state, reason, totalUsd, lines, priceBookVersion, priceId, tier, estimated, missing, reportedUsd } =
    cost;
  const price = { totalUsd, lines, priceBookVersion, priceId, tier, estimated, missing, reportedUsd };
  return { state, reason, ...price };
}

/** Null when slices are missing. */
function joinPayload(head: PayloadRow, slices: readonly PayloadRow[]): Buffer | null {
  if (head.parts === 0) return Buffer.from(head.data, 'base64');
  if (slices.length !== head.parts || slices.some((slice, place) => slice.index !== place)) return null;
  return Buffer.concat(slices.map((slice) => Buffer.from(slice.data, 'base64')));
}
