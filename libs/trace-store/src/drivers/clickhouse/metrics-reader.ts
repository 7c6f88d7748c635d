import { LoomError } from '@loom/errors';
import { tokenBuckets, type TokenBuckets } from '@loom/trace-schema';
import {
  type Facet,
  type FacetAttribute,
  facetAttributes,
  metricsBucketsMax,
  type MetricsGroup,
  metricsGroups,
  type MetricsPoint,
  type MetricsQuery,
  type Quantiles,
  type Reconciliation,
  spanMetricsRangeMaxSeconds,
  type TraceReader,
} from '../../trace-store.ts';
import { BoundParams } from './bound-params.ts';
import type { ClickHouseConnection } from './clickhouse-connection.ts';
import { boundsToSql, checkedTime } from './page.ts';
import type { StoredRow } from './row-codec.ts';
import { readTokens, tokenSums, totalTokens } from './row-fields.ts';

const groupColumns: Record<MetricsGroup, string> = {
  none: `''`,
  model: 'request_model',
  provider: 'provider',
  key: 'key_id',
};

const facetValuesMax = 500;

/** Sums over many spans: dashboards, filter values, reconciliation. */
export class MetricsReader {
  readonly #connection: ClickHouseConnection;

  constructor(connection: ClickHouseConnection) {
    this.#connection = connection;
  }

  async metrics(query: MetricsQuery): Promise<MetricsPoint[]> {
    const rangeSeconds = checkMetricsQuery(query);
    const fromRollup = query.bucketSeconds % 3600 === 0 && rangeSeconds > spanMetricsRangeMaxSeconds;
    const [calls, costs] = await Promise.all(
      fromRollup
        ? [this.#callsFromRollup(query), this.#costsFromRollup(query)]
        : [this.#callsFromSpans(query), this.#costsFromRows(query)],
    );
    return mergePoints(calls, costs);
  }

  #callsFromSpans(query: MetricsQuery): Promise<StoredRow[]> {
    const params = new BoundParams();
    const bounds = boundsToSql(query, params);
    return this.#connection.select(
      `SELECT ${bucketOf('start_time', query)}, count() AS requests, sum(is_error) AS errors, ${tokenSums},
         quantilesTDigestIf(0.5, 0.95, 0.99)(duration_nanos / 1e6, outcome != 'refused') AS latency,
         quantilesTDigestIf(0.5, 0.95, 0.99)(time_to_first_chunk_nanos / 1e6, time_to_first_chunk_nanos >= 0)
           AS firstChunk
       FROM spans WHERE ${bounds} GROUP BY bucket, group_value`,
      params,
    );
  }

  #callsFromRollup(query: MetricsQuery): Promise<StoredRow[]> {
    const params = new BoundParams();
    return this.#connection.select(
      `SELECT ${bucketOf('hour', query)}, sum(requests) AS requests, sum(errors) AS errors, ${tokenSums},
         quantilesTDigestMerge(0.5, 0.95, 0.99)(latency_ms) AS latency,
         quantilesTDigestMerge(0.5, 0.95, 0.99)(first_chunk_ms) AS firstChunk
       FROM calls_hourly WHERE ${hourBounds(query, params)} GROUP BY bucket, group_value`,
      params,
    );
  }

  #costsFromRows(query: MetricsQuery): Promise<StoredRow[]> {
    const params = new BoundParams();
    return this.#connection.select(
      `SELECT bucket, group_value, toString(sum(newest_usd)) AS usd FROM (
         SELECT ${bucketOf('start_time', query)}, span_id,
           argMax(total_usd, (time, price_book_version)) AS newest_usd
         FROM costs WHERE ${boundsToSql(query, params)} GROUP BY bucket, group_value, span_id
       ) GROUP BY bucket, group_value`,
      params,
    );
  }

  #costsFromRollup(query: MetricsQuery): Promise<StoredRow[]> {
    const params = new BoundParams();
    return this.#connection.select(
      `SELECT ${bucketOf('hour', query)}, toString(sum(total_usd)) AS usd
       FROM costs_hourly WHERE ${hourBounds(query, params)} GROUP BY bucket, group_value`,
      params,
    );
  }

  async facets(query: Parameters<TraceReader['facets']>[0]): Promise<Facet[]> {
    const limit = query.limit ?? 50;
    if (!Number.isInteger(limit) || limit < 1 || limit > facetValuesMax) {
      throw new LoomError('invalid_request', `limit ${limit} is not from 1 to ${facetValuesMax}`, {
        param: 'limit',
      });
    }
    query.attributes.forEach(checkAttribute);
    const params = new BoundParams();
    const rows = await this.#connection.select(
      `SELECT attribute, value, sum(spans) AS count FROM facets
       WHERE project_id = ${params.bind(query.projectId, 'String')}
         AND attribute IN ${params.bind(query.attributes, 'Array(String)')}
         AND day >= toDate(${params.time(checkedTime('from', query.from))})
         AND day <= toDate(${params.time(checkedTime('to', query.to))} - INTERVAL 1 NANOSECOND)
       GROUP BY attribute, value ORDER BY count DESC, value LIMIT ${limit} BY attribute`,
      params,
    );
    return query.attributes.map((attribute) => ({
      attribute,
      values: rows
        .filter((row) => row['attribute'] === attribute)
        .map((row) => ({ value: row['value'] as string, count: Number(row['count']) })),
    }));
  }

  async reconcile({ projectId }: { readonly projectId: string }): Promise<Reconciliation> {
    const params = new BoundParams();
    const where = `WHERE project_id = ${params.bind(projectId, 'String')}`;
    const one = async (query: string) =>
      (await this.#connection.select(`${query} ${where}`, params))[0] ?? {};
    const [spans, rollup, index, facets, costs, costRollup] = await Promise.all([
      one(`SELECT count() AS rows, uniqExact(span_id) AS distinct, sum(${totalTokens}) AS tokens FROM spans`),
      one(`SELECT sum(requests) AS requests, sum(${totalTokens}) AS tokens FROM calls_hourly`),
      one('SELECT sum(spans) AS spans FROM trace_index'),
      one(`SELECT sumIf(spans, attribute = 'operation') AS spans FROM facets`),
      one('SELECT count() AS rows, uniqExact(id) AS distinct, toString(sum(total_usd)) AS usd FROM costs'),
      one('SELECT sum(rows) AS rows, toString(sum(total_usd)) AS usd FROM costs_hourly'),
    ]);
    const n = (row: StoredRow, name: string) => Number(row[name] ?? 0);
    const usd = (row: StoredRow) => (row['usd'] as string | undefined) ?? '0';
    return {
      spans: { rows: n(spans, 'rows'), distinct: n(spans, 'distinct'), tokens: n(spans, 'tokens') },
      rollup: { requests: n(rollup, 'requests'), tokens: n(rollup, 'tokens') },
      traceIndex: { spans: n(index, 'spans') },
      facets: { spans: n(facets, 'spans') },
      costs: { rows: n(costs, 'rows'), distinct: n(costs, 'distinct'), totalUsd: usd(costs) },
      costRollup: { rows: n(costRollup, 'rows'), totalUsd: usd(costRollup) },
    };
  }
}

function checkMetricsQuery({ from, to, bucketSeconds, groupBy }: MetricsQuery): number {
  const rangeSeconds = Number(BigInt(checkedTime('to', to)) - BigInt(checkedTime('from', from))) / 1e9;
  const invalid = (message: string, param: string) => new LoomError('invalid_request', message, { param });
  if (!Number.isInteger(bucketSeconds) || bucketSeconds < 1) {
    throw invalid(`bucketSeconds ${bucketSeconds} is not a whole number from 1`, 'bucketSeconds');
  }
  if (rangeSeconds <= 0) throw invalid('`from` must be before `to`', 'from');
  if (rangeSeconds / bucketSeconds > metricsBucketsMax) {
    throw invalid(`the range has more than ${metricsBucketsMax} buckets: take larger ones`, 'bucketSeconds');
  }
  if (!metricsGroups.includes(groupBy)) throw invalid(`unknown group ${JSON.stringify(groupBy)}`, 'groupBy');
  return rangeSeconds;
}

function bucketOf(timeColumn: string, { bucketSeconds, groupBy }: MetricsQuery): string {
  const seconds = `toUInt64(toUnixTimestamp(${timeColumn}))`;
  return `intDiv(${seconds}, ${bucketSeconds}) * ${bucketSeconds} AS bucket, ${groupColumns[groupBy]} AS group_value`;
}

function hourBounds({ projectId, from, to }: MetricsQuery, params: BoundParams): string {
  const hourOfFrom = String((BigInt(from) / 3_600_000_000_000n) * 3_600_000_000_000n);
  return boundsToSql({ projectId, from: hourOfFrom, to }, params, 'hour');
}

function checkAttribute(attribute: FacetAttribute): void {
  if (facetAttributes.some((known) => known === attribute) || attribute.startsWith('metadata.')) return;
  throw new LoomError('invalid_request', `unknown attribute ${JSON.stringify(attribute)}`, {
    param: 'attributes',
  });
}

const noTokens = Object.fromEntries(tokenBuckets.map((bucket) => [bucket, 0])) as TokenBuckets;

function mergePoints(calls: readonly StoredRow[], costs: readonly StoredRow[]): MetricsPoint[] {
  const keyOf = (row: StoredRow) => `${String(row['bucket'])} ${String(row['group_value'])}`;
  const usdByKey = new Map(costs.map((row) => [keyOf(row), row['usd'] as string]));
  const callsByKey = new Map(calls.map((row) => [keyOf(row), row]));
  const rows = [...calls, ...costs.filter((row) => !callsByKey.has(keyOf(row)))];
  return rows
    .map((row) => readPoint(row, usdByKey.get(keyOf(row)) ?? '0'))
    .sort((left, right) => left.bucketStart.length - right.bucketStart.length || compare(left.bucketStart, right.bucketStart) || compare(left.group, right.group)); // prettier-ignore
}

function compare(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}

function readPoint(row: StoredRow, costUsd: string): MetricsPoint {
  const hasCalls = row['requests'] !== undefined;
  return {
    bucketStart: `${String(row['bucket'])}000000000`,
    group: row['group_value'] as string,
    requests: Number(row['requests'] ?? 0),
    errors: Number(row['errors'] ?? 0),
    tokens: hasCalls ? readTokens(row) : noTokens,
    costUsd,
    latencyMs: readQuantiles(row['latency']),
    firstChunkMs: readQuantiles(row['firstChunk']),
  };
}

/** Quantiles of nothing are null in JSON. */
function readQuantiles(value: unknown): Quantiles | null {
  if (!Array.isArray(value) || value[0] === null) return null;
  const [p50, p95, p99] = value.map(Number);
  return { p50: p50 ?? 0, p95: p95 ?? 0, p99: p99 ?? 0 };
}
