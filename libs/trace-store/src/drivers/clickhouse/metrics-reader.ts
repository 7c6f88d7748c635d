import { LoomError } from '@loom/errors';
import {
  type Facet,
  type FacetAttribute,
  facetAttributes,
  metricsBucketsMax,
  type MetricsFigures,
  metricsGroups,
  type MetricsPoint,
  type MetricsQuery,
  type Reconciliation,
  spanMetricsRangeMaxSeconds,
  type SummaryQuery,
  type TraceReader,
} from '../../trace-store.ts';
import { BoundParams } from './bound-params.ts';
import type { ClickHouseConnection } from './clickhouse-connection.ts';
import { figuresOfRollup, figuresOfSpans, groupColumns, readFigures } from './metrics-figures.ts';
import { boundsToSql, checkedLimit, checkedTime } from './page.ts';
import type { StoredRow } from './row-codec.ts';
import { totalTokens } from './row-fields.ts';

const facetValuesMax = 500;

/** Sums over many spans: dashboards, filter values, reconciliation. */
export class MetricsReader {
  readonly #connection: ClickHouseConnection;

  constructor(connection: ClickHouseConnection) {
    this.#connection = connection;
  }

  async metrics(query: MetricsQuery): Promise<MetricsPoint[]> {
    const isLong = checkMetricsQuery(query) > spanMetricsRangeMaxSeconds;
    const fromRollup = query.bucketSeconds % 3600 === 0 && isLong;
    const { calls, costs } = await this.#figures(query, { fromRollup, bucketSeconds: query.bucketSeconds });
    return mergeFigures(calls, costs)
      .map(({ row, figures }) => ({ bucketStart: `${String(row['bucket'])}000000000`, ...figures }))
      .sort(
        (left, right) =>
          left.bucketStart.length - right.bucketStart.length ||
          compare(left.bucketStart, right.bucketStart) ||
          compare(left.group, right.group),
      );
  }

  async summary(query: SummaryQuery): Promise<MetricsFigures[]> {
    const limit = checkedLimit(query.limit);
    const fromRollup = checkRange(query) > spanMetricsRangeMaxSeconds;
    const { calls, costs } = await this.#figures(query, { fromRollup, bucketSeconds: null });
    return mergeFigures(calls, costs)
      .map(({ figures }) => figures)
      .sort((left, right) => right.requests - left.requests || compare(left.group, right.group))
      .slice(0, limit);
  }

  async #figures(
    query: SummaryQuery,
    { fromRollup, bucketSeconds }: { readonly fromRollup: boolean; readonly bucketSeconds: number | null },
  ): Promise<{ calls: StoredRow[]; costs: StoredRow[] }> {
    const bucketOf = (timeColumn: string) => bucketToSql(timeColumn, bucketSeconds);
    const group = `${groupColumns[query.groupBy]} AS group_value`;
    const read = (statement: (bounds: string) => string) => {
      const params = new BoundParams();
      const bounds = fromRollup ? hourBounds(query, params) : boundsToSql(query, params);
      return this.#connection.select(statement(bounds), params);
    };
    const [calls, costs] = await Promise.all(
      fromRollup
        ? [
            read(
              (bounds) => `SELECT ${bucketOf('hour')} AS bucket, ${group}, ${figuresOfRollup}
                FROM calls_hourly WHERE ${bounds} GROUP BY bucket, group_value`,
            ),
            read(
              (bounds) => `SELECT ${bucketOf('hour')} AS bucket, ${group}, toString(sum(total_usd)) AS usd
                FROM costs_hourly WHERE ${bounds} GROUP BY bucket, group_value`,
            ),
          ]
        : [
            read(
              (bounds) => `SELECT ${bucketOf('start_time')} AS bucket, ${group}, ${figuresOfSpans}
                FROM spans WHERE ${bounds} GROUP BY bucket, group_value`,
            ),
            read(
              (bounds) => `SELECT bucket, group_value, toString(sum(newest_usd)) AS usd FROM (
                  SELECT ${bucketOf('start_time')} AS bucket, ${group}, span_id,
                    argMax(total_usd, (time, price_book_version)) AS newest_usd
                  FROM costs WHERE ${bounds} GROUP BY bucket, group_value, span_id
                ) GROUP BY bucket, group_value`,
            ),
          ],
    );
    return { calls: calls.filter((row) => Number(row['requests']) > 0), costs };
  }

  async facets(query: Parameters<TraceReader['facets']>[0]): Promise<Facet[]> {
    const limit = query.limit ?? 50;
    if (!Number.isInteger(limit) || limit < 1 || limit > facetValuesMax) {
      throw invalid(`limit ${limit} is not from 1 to ${facetValuesMax}`, 'limit');
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
    const [spans, rollup, index, facets, costs, costRollup, spansByTrace, costsByTrace] = await Promise.all([
      one(`SELECT count() AS rows, uniqExact(span_id) AS distinct, sum(${totalTokens}) AS tokens FROM spans`),
      one(`SELECT sum(requests) AS requests, sum(${totalTokens}) AS tokens FROM calls_hourly`),
      one('SELECT sum(spans) AS spans FROM trace_index'),
      one(`SELECT sumIf(spans, attribute = 'operation') AS spans FROM facets`),
      one('SELECT count() AS rows, uniqExact(id) AS distinct, toString(sum(total_usd)) AS usd FROM costs'),
      one('SELECT sum(rows) AS rows, toString(sum(total_usd)) AS usd FROM costs_hourly'),
      one('SELECT count() AS rows, sum(tokens) AS tokens FROM spans_by_trace FINAL'),
      one('SELECT count() AS rows, toString(sum(total_usd)) AS usd FROM costs_by_trace FINAL'),
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
      spansByTrace: { rows: n(spansByTrace, 'rows'), tokens: n(spansByTrace, 'tokens') },
      costsByTrace: { rows: n(costsByTrace, 'rows'), totalUsd: usd(costsByTrace) },
    };
  }
}

function invalid(message: string, param: string): LoomError {
  return new LoomError('invalid_request', message, { param });
}

/** Length of the range in seconds. */
function checkRange({ from, to, groupBy }: SummaryQuery): number {
  const rangeSeconds = Number(BigInt(checkedTime('to', to)) - BigInt(checkedTime('from', from))) / 1e9;
  if (rangeSeconds <= 0) throw invalid('`from` must be before `to`', 'from');
  if (!metricsGroups.includes(groupBy)) throw invalid(`unknown group ${JSON.stringify(groupBy)}`, 'groupBy');
  return rangeSeconds;
}

function checkMetricsQuery(query: MetricsQuery): number {
  const rangeSeconds = checkRange(query);
  const { bucketSeconds } = query;
  if (!Number.isInteger(bucketSeconds) || bucketSeconds < 1) {
    throw invalid(`bucketSeconds ${bucketSeconds} is not a whole number from 1`, 'bucketSeconds');
  }
  if (rangeSeconds / bucketSeconds > metricsBucketsMax) {
    throw invalid(`the range has more than ${metricsBucketsMax} buckets: take larger ones`, 'bucketSeconds');
  }
  return rangeSeconds;
}

function bucketToSql(timeColumn: string, bucketSeconds: number | null): string {
  if (bucketSeconds === null) return '0';
  return `intDiv(toUInt64(toUnixTimestamp(${timeColumn})), ${bucketSeconds}) * ${bucketSeconds}`;
}

function hourBounds({ projectId, from, to }: SummaryQuery, params: BoundParams): string {
  const hourOfFrom = String((BigInt(from) / 3_600_000_000_000n) * 3_600_000_000_000n);
  return boundsToSql({ projectId, from: hourOfFrom, to }, params, 'hour');
}

function checkAttribute(attribute: FacetAttribute): void {
  if (facetAttributes.some((known) => known === attribute) || attribute.startsWith('metadata.')) return;
  throw invalid(`unknown attribute ${JSON.stringify(attribute)}`, 'attributes');
}

/** Calls with their costs, and costs without calls. */
function mergeFigures(
  calls: readonly StoredRow[],
  costs: readonly StoredRow[],
): { row: StoredRow; figures: MetricsFigures }[] {
  const keyOf = (row: StoredRow) => `${String(row['bucket'])} ${String(row['group_value'])}`;
  const usdByKey = new Map(costs.map((row) => [keyOf(row), row['usd'] as string]));
  const withCalls = new Set(calls.map(keyOf));
  const rows = [...calls, ...costs.filter((row) => !withCalls.has(keyOf(row)))];
  return rows.map((row) => ({ row, figures: readFigures(row, usdByKey.get(keyOf(row)) ?? '0') }));
}

function compare(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}
