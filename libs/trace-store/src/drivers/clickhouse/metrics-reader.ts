import { LoomError } from '@loom/errors';
import {
  type Facet,
  type FacetAttribute,
  facetAttributes,
  metricsBucketsMax,
  type MetricsFigures,
  metricsGroups,
  type MetricsOverview,
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
import { newestCostOfEach } from './newest-cost.ts';
import { boundsToSql, checkedLimit, checkedTime } from './page.ts';
import type { StoredRow } from './row-codec.ts';
import { totalTokens } from './row-fields.ts';

const facetValuesMax = 500;

/** What rows are added up by, and what `grouping(bucket, group_value)` says of it: a bit for each key that is left out. */
const groupingSets = {
  bucketAndGroup: { keys: '(bucket, group_value)', bits: 0 },
  bucket: { keys: '(bucket)', bits: 1 },
  group: { keys: '(group_value)', bits: 2 },
  total: { keys: '()', bits: 3 },
} as const;
type GroupingSet = keyof typeof groupingSets;
const setBits = 'grouping(bucket, group_value) AS set_bits';
const setOfBits = new Map(
  Object.entries(groupingSets).map(([set, { bits }]) => [bits as number, set as GroupingSet]),
);

interface Reading {
  /** Null: the whole range is one bucket. */
  readonly bucketSeconds: number | null;
  readonly sets: readonly GroupingSet[];
  readonly sumsOnly?: boolean;
}

interface FiguresRow {
  readonly set: GroupingSet;
  /** Unix nanoseconds; 0 where the bucket is left out. */
  readonly bucketStart: string;
  readonly figures: MetricsFigures;
}

/** Sums over many spans: dashboards, filter values, reconciliation. */
export class MetricsReader {
  readonly #connection: ClickHouseConnection;

  constructor(connection: ClickHouseConnection) {
    this.#connection = connection;
  }

  async metrics(query: MetricsQuery): Promise<MetricsPoint[]> {
    checkMetricsQuery(query);
    const rows = await this.#byGroup(query, query.bucketSeconds);
    return rows.map(toPoint).sort(byTimeAndGroup);
  }

  async summary(query: SummaryQuery): Promise<MetricsFigures[]> {
    const limit = checkedLimit(query.limit);
    checkRange(query);
    const groups = (await this.#byGroup(query, null)).map(({ figures }) => figures);
    return groups.sort(byRequests).slice(0, limit);
  }

  async overview(query: MetricsQuery): Promise<MetricsOverview> {
    checkMetricsQuery(query);
    const { bucketSeconds } = query;
    const [calls, groupedCalls, costs] = await Promise.all([
      this.#calls(query, { bucketSeconds, sets: ['total', 'bucket', 'group'] }),
      this.#calls(query, { bucketSeconds, sets: ['bucketAndGroup'], sumsOnly: true }),
      this.#costs(query, { bucketSeconds, sets: ['total', 'bucket', 'group', 'bucketAndGroup'] }),
    ]);
    const rows = mergeFigures([...calls, ...groupedCalls], costs);
    const of = (set: GroupingSet) => rows.filter((row) => row.set === set);
    return {
      total: of('total')[0]?.figures ?? null,
      groups: of('group')
        .map(({ figures }) => figures)
        .sort(byRequests),
      points: of('bucket').map(toPoint).sort(byTimeAndGroup),
      groupedPoints: of('bucketAndGroup').map(toPoint).sort(byTimeAndGroup),
    };
  }

  async #byGroup(query: SummaryQuery, bucketSeconds: number | null): Promise<FiguresRow[]> {
    const reading: Reading = { bucketSeconds, sets: ['bucketAndGroup'] };
    const [calls, costs] = await Promise.all([this.#calls(query, reading), this.#costs(query, reading)]);
    return mergeFigures(calls, costs);
  }

  async #calls(query: SummaryQuery, reading: Reading): Promise<StoredRow[]> {
    const { table, figures } = isFromRollup(query, reading)
      ? { table: 'calls_hourly', figures: figuresOfRollup }
      : { table: 'spans', figures: figuresOfSpans };
    const columns = reading.sumsOnly ? figures.sums : `${figures.sums}, ${figures.quantiles}`;
    const params = new BoundParams();
    const { keys, bounds } = sourceOf(query, reading, params);
    const rows = await this.#connection.select(
      `SELECT ${keys}, ${columns}, ${setBits} FROM ${table} WHERE ${bounds} ${groupBySets(reading.sets)}`,
      params,
    );
    return rows.filter((row) => Number(row['requests']) > 0); // the total of nothing is a row too
  }

  /** Of each span what was priced last; the rollup, which cannot know that, adds up all that was priced. */
  async #costs(query: SummaryQuery, reading: Reading): Promise<StoredRow[]> {
    const params = new BoundParams();
    const { keys, bounds } = sourceOf(query, reading, params);
    const statement = isFromRollup(query, reading)
      ? `SELECT ${keys}, toString(sum(total_usd)) AS usd, sum(rows) AS priced, ${setBits}
         FROM costs_hourly WHERE ${bounds}`
      : `SELECT bucket, group_value, toString(sum(newest_usd)) AS usd, count() AS priced, ${setBits} FROM (
           SELECT ${keys}, total_usd AS newest_usd FROM costs WHERE ${bounds} ${newestCostOfEach}
         )`;
    const rows = await this.#connection.select(`${statement} ${groupBySets(reading.sets)}`, params);
    return rows.filter((row) => Number(row['priced']) > 0);
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

function checkMetricsQuery(query: MetricsQuery): void {
  const rangeSeconds = checkRange(query);
  const { bucketSeconds } = query;
  if (!Number.isInteger(bucketSeconds) || bucketSeconds < 1) {
    throw invalid(`bucketSeconds ${bucketSeconds} is not a whole number from 1`, 'bucketSeconds');
  }
  if (rangeSeconds / bucketSeconds > metricsBucketsMax) {
    throw invalid(`the range has more than ${metricsBucketsMax} buckets: take larger ones`, 'bucketSeconds');
  }
}

function bucketToSql(timeColumn: string, bucketSeconds: number | null): string {
  if (bucketSeconds === null) return 'materialize(0)'; // a constant would be no key to group by
  return `intDiv(toUInt64(toUnixTimestamp(${timeColumn})), ${bucketSeconds}) * ${bucketSeconds}`;
}

function isFromRollup(query: SummaryQuery, { bucketSeconds }: Reading): boolean {
  const hasWholeHours = bucketSeconds === null || bucketSeconds % 3600 === 0;
  return hasWholeHours && checkRange(query) > spanMetricsRangeMaxSeconds;
}

/** The keys that rows are grouped by, and the range as a condition, bound to `params`. */
function sourceOf(
  query: SummaryQuery,
  reading: Reading,
  params: BoundParams,
): { keys: string; bounds: string } {
  const fromRollup = isFromRollup(query, reading);
  const bucket = bucketToSql(fromRollup ? 'hour' : 'start_time', reading.bucketSeconds);
  return {
    keys: `${bucket} AS bucket, ${groupColumns[query.groupBy]} AS group_value`,
    bounds: fromRollup ? hourBounds(query, params) : boundsToSql(query, params),
  };
}

function groupBySets(sets: readonly GroupingSet[]): string {
  return `GROUP BY GROUPING SETS (${sets.map((set) => groupingSets[set].keys).join(', ')})`;
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
function mergeFigures(calls: readonly StoredRow[], costs: readonly StoredRow[]): FiguresRow[] {
  const keyOf = (row: StoredRow) =>
    `${String(row['set_bits'])} ${String(row['bucket'])} ${String(row['group_value'])}`;
  const usdByKey = new Map(costs.map((row) => [keyOf(row), row['usd'] as string]));
  const withCalls = new Set(calls.map(keyOf));
  const rows = [...calls, ...costs.filter((row) => !withCalls.has(keyOf(row)))];
  return rows.map((row) => ({
    set: setOfBits.get(Number(row['set_bits'])) ?? 'bucketAndGroup',
    bucketStart: `${String(row['bucket'])}000000000`,
    figures: readFigures(row, usdByKey.get(keyOf(row)) ?? '0'),
  }));
}

function toPoint({ bucketStart, figures }: FiguresRow): MetricsPoint {
  return { bucketStart, ...figures };
}

function byTimeAndGroup(left: MetricsPoint, right: MetricsPoint): number {
  return (
    left.bucketStart.length - right.bucketStart.length ||
    compare(left.bucketStart, right.bucketStart) ||
    compare(left.group, right.group)
  );
}

function byRequests(left: MetricsFigures, right: MetricsFigures): number {
  return right.requests - left.requests || compare(left.group, right.group);
}

function compare(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}
