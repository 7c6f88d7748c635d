import type { CallAttempt, CostState } from '@loom/trace-schema';
import { type OutlineSpan, outlineSpansMax, type TraceOutline, type TraceReader } from '../../trace-store.ts';
import { BoundParams } from './bound-params.ts';
import type { ClickHouseConnection } from './clickhouse-connection.ts';
import { type Fields, fromStored, selectList, type StoredRow } from './row-codec.ts';
import { totalTokens } from './row-fields.ts';

type OutlineColumns = Omit<OutlineSpan, 'toolName' | 'totalTokens' | 'totalUsd' | 'costState' | 'attempts'>;

const outlineFields: Fields<OutlineColumns> = {
  spanId: 'text',
  parentSpanId: 'text',
  operation: 'text',
  provider: 'text',
  requestModel: 'text',
  responseModel: 'text',
  agentName: 'text',
  workflowName: 'text',
  outcome: 'text',
  status: 'number',
  startTime: 'time',
  durationNanos: 'number',
  timeToFirstChunkNanos: 'optionalNumber',
  errorType: 'text',
};

/** A whole trace in narrow columns. */
export class OutlineReader {
  readonly #connection: ClickHouseConnection;

  constructor(connection: ClickHouseConnection) {
    this.#connection = connection;
  }

  async traceOutline(query: Parameters<TraceReader['traceOutline']>[0]): Promise<TraceOutline | null> {
    const params = new BoundParams();
    const key = `project_id = ${params.bind(query.projectId, 'String')} AND trace_id = ${params.bind(query.traceId, 'String')}`;
    const [index] = await this.#connection.select(
      `SELECT toUnixTimestamp64Nano(min(first_start)) AS first, toUnixTimestamp64Nano(max(last_start)) AS last
       FROM trace_index WHERE ${key} HAVING count() > 0`,
      params,
    );
    if (!index) return null;
    const startTime = String(index['first']);
    const where = `${key} AND start_time >= ${params.time(startTime)} AND start_time <= ${params.time(String(index['last']))}`;
    const [rows, costs] = await Promise.all([
      this.#connection.select(
        `SELECT ${selectList(outlineFields)}, metadata['tool'] AS toolName, ${totalTokens} AS totalTokens,
           if(attempt_count > 1, attempts, '') AS attemptsJson
         FROM spans WHERE ${where} ORDER BY start_time, span_id LIMIT ${outlineSpansMax + 1}`,
        params,
      ),
      this.#connection.select(
        `SELECT span_id AS spanId, toString(argMax(total_usd, (time, price_book_version))) AS usd,
           argMax(state, (time, price_book_version)) AS newestState
         FROM costs WHERE ${where} GROUP BY span_id`,
        params,
      ),
    ]);
    const costBySpan = new Map(costs.map((row) => [row['spanId'], row]));
    return {
      traceId: query.traceId,
      startTime,
      spans: rows.slice(0, outlineSpansMax).map((row) => readOutlineSpan(row, costBySpan.get(row['spanId']))),
      truncated: rows.length > outlineSpansMax,
    };
  }
}

function readOutlineSpan(row: StoredRow, cost: StoredRow | undefined): OutlineSpan {
  const costState = (cost?.['newestState'] as CostState | undefined) ?? 'pending';
  const isPriced = costState === 'priced' || costState === 'partial';
  return {
    ...fromStored<OutlineColumns>(outlineFields, row),
    toolName: row['toolName'] as string,
    totalTokens: Number(row['totalTokens']),
    attempts: row['attemptsJson'] === '' ? [] : (JSON.parse(row['attemptsJson'] as string) as CallAttempt[]),
    totalUsd: isPriced ? (cost?.['usd'] as string) : null,
    costState,
  };
}
