import type { TraceOrder, TraceSort } from '@loom/trace-schema';
import type { ListQuery } from '../../trace-store.ts';
import type { BoundParams } from './bound-params.ts';
import { decodeCursor, encodeCursor, listToSql, nanosShape } from './page.ts';

/** Where a page of a sorted list begins: after this trace, among the rows from before `to`. */
interface SortedCursor {
  readonly isKnown: string;
  readonly value: string;
  readonly traceId: string;
  /** Unix nanoseconds: of the first page, so that rows that come later change no page. */
  readonly to: string;
}

/** A trace of a page, and what it is sorted by. */
export interface SortedTrace {
  readonly traceId: string;
  readonly isKnown: string;
  readonly value: string;
}

/** What traces are sorted by, as an expression over the rows of one trace. */
interface SortKey {
  readonly type: 'Int64' | 'Float64' | 'String';
  readonly source: 'matches' | 'spans' | 'costs';
  readonly value: string;
  /** False where there is nothing to sort by: such traces come last in both orders. */
  readonly isKnown: string;
}

/** Of the newest matching span, as the list shows it. */
const ofHead = (column: string) => `argMax(${column}, (start_time, span_id))`;
const firstChunk = ofHead('time_to_first_chunk_nanos');
const text = (column: string): SortKey => ({
  ...{ type: 'String', source: 'matches', value: ofHead(column), isKnown: `${ofHead(column)} != ''` },
});
const number = (type: SortKey['type'], source: SortKey['source'], value: string, isKnown = '1'): SortKey => ({
  ...{ type, source, value, isKnown },
});

const sortKeys: Readonly<Record<TraceSort, SortKey>> = {
  time: number('Int64', 'matches', 'toUnixTimestamp64Nano(max(start_time))'),
  latency: number('Int64', 'spans', 'max(span_end) - min(span_start)'),
  tokens: number('Int64', 'spans', 'toInt64(sum(span_tokens))'),
  spans: number('Int64', 'spans', 'toInt64(count())'),
  errors: number('Int64', 'spans', 'toInt64(sum(span_error))'),
  cost: number('Float64', 'costs', 'toFloat64(sum(usd))', `countIf(state != 'unpriced') > 0`),
  firstChunk: number('Int64', 'matches', firstChunk, `${firstChunk} >= 0`),
  outcome: text('outcome'),
  model: text(`if(response_model = '', request_model, response_model)`),
  provider: text('provider'),
  operation: text('operation'),
  user: text('user_id'),
  session: text('session_id'),
  key: text('key_id'),
};

/** SQL for a page of traces by a sort key, and one more. */
export function sortedTracesToSql(
  query: ListQuery,
  { sort, order }: { readonly sort: TraceSort; readonly order: TraceOrder },
  { cursor, limit, params }: { cursor: SortedCursor | null; limit: number; params: BoundParams },
): string {
  const { type, source, value, isKnown } = sortKeys[sort];
  const where = listToSql(query, params);
  const [direction, beyond] = order === 'asc' ? ['ASC', '>'] : ['DESC', '<'];
  const after = cursor
    ? `WHERE is_known < ${params.bind(Number(cursor.isKnown), 'UInt32')} OR (is_known = ${params.bind(Number(cursor.isKnown), 'UInt32')}
         AND (sort_value, trace_id) ${beyond} (${params.bind(cursor.value, type)}, ${params.bind(cursor.traceId, 'String')}))`
    : '';
  return `SELECT trace_id AS traceId, toString(is_known) AS isKnown, toString(sort_value) AS value FROM (
      SELECT trace_id, toUInt8(${isKnown}) AS is_known, ${value} AS sort_value
      FROM ${rowsOf(source, query, where, params)} GROUP BY trace_id
    ) ${after} ORDER BY is_known DESC, sort_value ${direction}, trace_id ${direction} LIMIT ${limit + 1}`;
}

/** One row a matching span, or one row a span (or its newest cost) of the traces that match. */
function rowsOf(
  source: SortKey['source'],
  { projectId }: ListQuery,
  where: string,
  params: BoundParams,
): string {
  if (source === 'matches') return `(SELECT * FROM spans WHERE ${where})`;
  const ofMatches = `project_id = ${params.bind(projectId, 'String')}
    AND trace_id IN (SELECT trace_id FROM spans WHERE ${where})`;
  if (source === 'spans')
    return `(SELECT trace_id, span_id, any(tokens) AS span_tokens, any(is_error) AS span_error,
        any(toUnixTimestamp64Nano(start_time)) AS span_start, any(toUnixTimestamp64Nano(start_time) + toInt64(duration_nanos)) AS span_end
      FROM spans_by_trace WHERE ${ofMatches} GROUP BY trace_id, span_id)`;
  // Traces without any cost are in the list too.
  return `(SELECT trace_id, argMax(total_usd, (time, price_book_version)) AS usd,
      argMax(state, (time, price_book_version)) AS state
    FROM costs_by_trace WHERE ${ofMatches} GROUP BY trace_id, span_id
    UNION ALL SELECT DISTINCT trace_id, toDecimal128(0, 18) AS usd, 'unpriced' AS state FROM spans WHERE ${where})`;
}

const valueShapes: Readonly<Record<SortKey['type'], RegExp>> = {
  Int64: /^-?\d{1,19}$/,
  Float64: /^-?[\d.]{1,40}(?:e[+-]?\d{1,3})?$/,
  String: /^[\s\S]{0,1000}$/,
};

export function readSortedCursor(text: string, sort: TraceSort, order: TraceOrder): SortedCursor {
  const shapes = [
    new RegExp(`^${sort}$`),
    new RegExp(`^${order}$`),
    /^[01]$/,
    valueShapes[sortKeys[sort].type],
  ];
  const parts = decodeCursor(text, [...shapes, /^[0-9a-f]{32}$/, nanosShape]);
  const [, , isKnown = '', value = '', traceId = '', to = ''] = parts;
  return { isKnown, value, traceId, to };
}

export function writeSortedCursor(
  { isKnown, value, traceId }: SortedTrace,
  { sort, order, to }: { readonly sort: TraceSort; readonly order: TraceOrder; readonly to: string },
): string {
  return encodeCursor([sort, order, isKnown, value, traceId, to]);
}
