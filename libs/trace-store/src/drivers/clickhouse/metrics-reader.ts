import { LoomError } from '@loom/errors';
import { bucketStarts } from '../../time-buckets.ts';
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
import { figuresOfCosts, figuresOfCostsHourly, readCosts } from './cost-figures.ts';
import { newestCostOfEach } from './newest-cost.ts';
import { boundsToSql, checkedLimit, checkedTime, listToSql } from './page.ts';
import { type RolledRange, rolledRows, rolledSource } from './rolled-source.ts';
import type { StoredRow } from './row-codec.ts';
import { totalTokens } from './row-fields.ts';

const facetValuesMax = 500;
/** Buckets that begin within an hour: so many hours are read from spans beside the rollup. */
const cutsMax = 400;

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
  /** Starts of the buckets, unix seconds, where they are those of a time zone. */
  readonly starts?: readonly number[] | undefined;
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
    const { bucketSeconds } = query;
    const rows = await this.#byGroup(query, {
      bucketSeconds,
      starts: startsOf(query),
      sets: ['bucketAndGroup'],
    });
    return rows.map(toPoint).sort(byTimeAndGroup);
  }

  async summary(query: SummaryQuery): Promise<MetricsFigures[]> {
    const limit = checkedLimit(query.limit);
    checkRange(query);
    const rows = await this.#byGroup(query, { bucketSeconds: null, sets: ['bucketAndGroup'] });
    const groups = rows.map(({ figures }) => figures);
    return groups.sort(byRequests).slice(0, limit);
  }

  async overview(query: MetricsQuery): Promise<MetricsOverview> {
    checkMetricsQuery(query);
    const buckets = { bucketSeconds: query.bucketSeconds, starts: startsOf(query) };
    const [calls, groupedCalls, costs] = await Promise.all([
      this.#calls(query, { ...buckets, sets: ['total', 'bucket', 'group'] }),
      this.#calls(query, { ...buckets, sets: ['bucketAndGroup'], sumsOnly: true }),
      this.#costs(query, { ...buckets, sets: ['total', 'bucket', 'group', 'bucketAndGroup'] }),
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

  async #byGroup(query: SummaryQuery, reading: Reading): Promise<FiguresRow[]> {
    const [calls, costs] = await Promise.all([this.#calls(query, reading), this.#costs(query, reading)]);
    return mergeFigures(calls, costs);
  }

  async #calls(query: SummaryQuery, reading: Reading): Promise<StoredRow[]> {
    const params = new BoundParams();
    const isRolled = isFromRollup(query, reading);
    const figures = isRolled ? figuresOfRollup : figuresOfSpans;
    const columns = reading.sumsOnly ? figures.sums : `${figures.sums}, ${figures.quantiles}`;
    const source = isRolled
      ? await rolledSource('calls_hourly', rolledRange(query, reading, params), params)
      : `spans WHERE ${boundsToSql(query, params)}`;
    const rows = await this.#connection.select(
      `SELECT ${keysOf(query, reading, params)}, ${columns}, ${setBits} FROM ${source} ${groupBySets(reading.sets)}`,
      params,
    );
    return rows.filter((row) => Number(row['requests']) > 0); // the total of nothing is a row too
  }

  /** Of each span the price of the newest price book; the rollup, which cannot know that, adds up all prices. */
  async #costs(query: SummaryQuery, reading: Reading): Promise<StoredRow[]> {
    const params = new BoundParams();
    const keys = keysOf(query, reading, params);
    const statement = isFromRollup(query, reading)
      ? `SELECT ${keys}, ${figuresOfCostsHourly}, sum(rows) AS costs, ${setBits}
         FROM ${await rolledSource('costs_hourly', rolledRange(query, reading, params), params)}`
      : `SELECT bucket, group_value, ${figuresOfCosts}, count() AS costs, ${setBits} FROM (
           SELECT ${keys}, total_usd AS newest_usd, state AS newest_state, reason AS newest_reason FROM costs WHERE ${boundsToSql(query, params)} ${newestCostOfEach}
         )`;
    const rows = await this.#connection.select(`${statement} ${groupBySets(reading.sets)}`, params);
    return rows.filter((row) => Number(row['costs']) > 0);
  }

  async facets(query: Parameters<TraceReader['facets']>[0]): Promise<Facet[]> {
    const limit = query.limit ?? 50;
    if (!Number.isInteger(limit) || limit < 1 || limit > facetValuesMax) {
      throw invalid(`limit ${limit} is not from 1 to ${facetValuesMax}`, 'limit');
    }
    query.attributes.forEach(checkAttribute);
    const params = new BoundParams();
    checkedTime('from', query.from);
    checkedTime('to', query.to);
    const source = query.filter
      ? await rolledRows('facets', listToSql(query, params))
      : await rolledSource('facets', query, params);
    const rows = await this.#connection.select(
      `SELECT attribute, value, sum(spans) AS count FROM ${source}
       WHERE attribute IN ${params.bind(query.attributes, 'Array(String)')}
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

function startsOf({ from, to, bucketSeconds, timeZone = 'UTC' }: MetricsQuery): number[] | undefined {
  if (timeZone === 'UTC') return undefined;
  const [first, last] = [Number(BigInt(from) / 1_000_000_000n), Math.ceil(Number(BigInt(to)) / 1e9)];
  return bucketStarts({ from: first, to: last, bucketSeconds, timeZone });
}

/** SQL for the start of the bucket of an instant (unix seconds). */
function bucketToSql(instant: string, { bucketSeconds, starts }: Reading, params: BoundParams): string {
  if (bucketSeconds === null) return 'materialize(0)'; // a constant would be no key to group by
  if (!starts) return `intDiv(toUInt64(${instant}), ${bucketSeconds}) * ${bucketSeconds}`;
  return `roundDown(toInt64(${instant}), ${params.bind(starts, 'Array(Int64)')})`;
}

function isFromRollup(query: SummaryQuery, { bucketSeconds, starts }: Reading): boolean {
  const isCutOften = (starts?.filter((start) => start % 3600 !== 0).length ?? 0) > cutsMax;
  const hasWholeHours = starts ? !isCutOften : bucketSeconds === null || bucketSeconds % 3600 === 0;
  return hasWholeHours && checkRange(query) > spanMetricsRangeMaxSeconds;
}

/** The keys that rows are grouped by. */
function keysOf(query: SummaryQuery, reading: Reading, params: BoundParams): string {
  const instant = `toUnixTimestamp(${isFromRollup(query, reading) ? 'hour' : 'start_time'})`;
  return `${bucketToSql(instant, reading, params)} AS bucket, ${groupColumns[query.groupBy]} AS group_value`;
}

function rolledRange(
  { projectId, from, to }: SummaryQuery,
  reading: Reading,
  params: BoundParams,
): RolledRange {
  const range = { projectId, from, to };
  if (!reading.starts) return range;
  return {
    ...range,
    cuts: reading.starts,
    bucketOf: bucketToSql('toUnixTimestamp(start_time)', reading, params),
  };
}

function groupBySets(sets: readonly GroupingSet[]): string {
  return `GROUP BY GROUPING SETS (${sets.map((set) => groupingSets[set].keys).join(', ')})`;
}

function checkAttribute(attribute: FacetAttribute): void {
  if (facetAttributes.some((known) => known === attribute) || attribute.startsWith('metadata.')) return;
  throw invalid(`unknown attribute ${JSON.stringify(attribute)}`, 'attributes');
}

/** Calls with their costs, and costs without calls. */
function mergeFigures(calls: readonly StoredRow[], costs: readonly StoredRow[]): FiguresRow[] {
  const keyOf = (row: StoredRow) =>
    `${String(row['set_bits'])} ${String(row['bucket'])} ${String(row['group_value'])}`;
  const costByKey = new Map(costs.map((row) => [keyOf(row), row]));
  const withCalls = new Set(calls.map(keyOf));
  const rows = [...calls, ...costs.filter((row) => !withCalls.has(keyOf(row)))];
  return rows.map((row) => ({
    set: setOfBits.get(Number(row['set_bits'])) ?? 'bucketAndGroup',
    bucketStart: `${String(row['bucket'])}000000000`,
    figures: readFigures(row, readCosts(costByKey.get(keyOf(row)))),
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
