import type { ActivityQuery, Page, SessionActivity, UserActivity } from '../../trace-store.ts';
import { spanMetricsRangeMaxSeconds } from '../../trace-store.ts';
import { BoundParams } from './bound-params.ts';
import type { ClickHouseConnection } from './clickhouse-connection.ts';
import { figuresOfCosts, readCosts } from './cost-figures.ts';
import { boundsToSql, checkedLimit, checkedTime, decodeCursor, encodeCursor, nanosShape } from './page.ts';
import { rolledSource } from './rolled-source.ts';
import type { StoredRow } from './row-codec.ts';

/** Whom the calls are counted by: its id, and the figures that only it has. */
interface Subject {
  readonly id: 'session_id' | 'user_id';
  readonly daily: 'sessions_daily' | 'users_daily';
  readonly ofSpans: string;
  readonly ofDays: string;
}

const session: Subject = {
  id: 'session_id',
  daily: 'sessions_daily',
  ofSpans: 'max(user_id) AS userId',
  ofDays: 'max(user_id) AS userId',
};
const user: Subject = {
  id: 'user_id',
  daily: 'users_daily',
  ofSpans: `uniqExactIf(session_id, session_id != '') AS sessionCount`,
  ofDays: 'uniqExactIfMerge(sessions) AS sessionCount',
};

const idShape = /^[\s\S]{1,1000}$/;

/** Conversations and end users: a rollup by day for long ranges, the spans themselves for short ones. */
export class ActivityReader {
  readonly #connection: ClickHouseConnection;

  constructor(connection: ClickHouseConnection) {
    this.#connection = connection;
  }

  async listSessions(query: ActivityQuery): Promise<Page<SessionActivity>> {
    const { rows, nextCursor } = await this.#list(session, query);
    const items = rows.map((row) => ({
      sessionId: row['id'] as string,
      userId: row['userId'] as string,
      ...readActivity(row),
    }));
    return { items, nextCursor };
  }

  async listUsers(query: ActivityQuery): Promise<Page<UserActivity>> {
    const { rows, nextCursor } = await this.#list(user, query);
    const items = rows.map((row) => ({
      userId: row['id'] as string,
      sessions: Number(row['sessionCount']),
      ...readActivity(row),
    }));
    return { items, nextCursor };
  }

  /** Which ids are on the page is found by their times alone; the figures are read of those. */
  async #list(
    subject: Subject,
    query: ActivityQuery,
  ): Promise<{ rows: StoredRow[]; nextCursor: string | null }> {
    const limit = checkedLimit(query.limit);
    const params = new BoundParams();
    const source = await sourceOf(subject, query, params);
    const found = await this.#connection.select(
      `SELECT ${subject.id} AS id, toUnixTimestamp64Nano(max(${source.last})) AS lastSeen
       FROM ${source.table} WHERE ${source.bounds} ${searchToSql(subject, query, params)}
       GROUP BY ${subject.id} ${belowCursor(subject, source.last, query, params)}
       ORDER BY max(${source.last}) DESC, ${subject.id} DESC LIMIT ${limit + 1}`,
      params,
    );
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const more = found.length > limit && last ? [String(last['lastSeen']), last['id'] as string] : null;
    const ids = page.map((row) => row['id'] as string);
    return { rows: await this.#figures(subject, query, ids), nextCursor: more && encodeCursor(more) };
  }

  async #figures(subject: Subject, query: ActivityQuery, ids: readonly string[]): Promise<StoredRow[]> {
    if (ids.length === 0) return [];
    const params = new BoundParams();
    const source = await sourceOf(subject, query, params);
    const rows = await this.#connection.select(
      `SELECT ${subject.id} AS id, ${source.figures} FROM ${source.table}
       WHERE ${source.bounds} AND ${subject.id} IN ${params.bind(ids, 'Array(String)')}
       GROUP BY ${subject.id}`,
      params,
    );
    const costs = await this.#costsOf(subject, query.projectId, ids, spanTimes(rows));
    const rowById = new Map(rows.map((row) => [row['id'], row]));
    return ids.map((id) => ({ ...rowById.get(id), id, costs: costs.get(id) }));
  }

  /** From the cost rows of the ids' spans, between the first and the last call of the page. */
  async #costsOf(
    subject: Subject,
    projectId: string,
    ids: readonly string[],
    { from, to }: { readonly from: string; readonly to: string },
  ): Promise<ReadonlyMap<string, StoredRow>> {
    const params = new BoundParams();
    const bounds = `project_id = ${params.bind(projectId, 'String')}
      AND start_time >= ${params.time(from)} AND start_time <= ${params.time(to)}`;
    const isOfPage = `${subject.id} IN ${params.bind(ids, 'Array(String)')}`;
    const newest = ['usd', 'state', 'reason']
      .map(
        (name) =>
          `argMax(${name === 'usd' ? 'total_usd' : name}, (time, price_book_version)) AS newest_${name}`,
      )
      .join(', ');
    const rows = await this.#connection.select(
      subject.id === 'user_id'
        ? `SELECT owner, ${figuresOfCosts} FROM (
             SELECT user_id AS owner, span_id, ${newest} FROM costs WHERE ${bounds} AND ${isOfPage}
             GROUP BY owner, span_id
           ) GROUP BY owner`
        : `SELECT owner, ${figuresOfCosts} FROM (
             SELECT span_id, ${newest} FROM costs
             WHERE ${bounds} AND span_id IN (SELECT span_id FROM spans WHERE ${bounds} AND ${isOfPage})
             GROUP BY span_id
           ) AS newest
           INNER JOIN (SELECT session_id AS owner, span_id FROM spans WHERE ${bounds} AND ${isOfPage}) AS known
             USING span_id
           GROUP BY owner`,
      params,
    );
    return new Map(rows.map((row) => [row['owner'] as string, row]));
  }
}

interface Source {
  readonly table: string;
  readonly bounds: string;
  /** Column of the last call. */
  readonly last: string;
  readonly figures: string;
}

async function sourceOf(subject: Subject, query: ActivityQuery, params: BoundParams): Promise<Source> {
  const [from, to] = [BigInt(checkedTime('from', query.from)), BigInt(checkedTime('to', query.to))];
  if (to - from > BigInt(spanMetricsRangeMaxSeconds) * 1_000_000_000n) {
    return {
      table: await rolledSource(subject.daily, query, params),
      bounds: '1',
      last: 'last_start',
      figures: `uniqExactMerge(traces) AS traceCount, sum(spans) AS spanCount, sum(errors) AS errorCount,
        sum(tokens) AS totalTokens, toUnixTimestamp64Nano(min(first_start)) AS firstSeen,
        toUnixTimestamp64Nano(max(last_start)) AS lastSeen, ${subject.ofDays}`,
    };
  }
  return {
    table: 'spans',
    bounds: `${boundsToSql(query, params)} AND ${subject.id} != ''`,
    last: 'start_time',
    figures: `uniqExact(trace_id) AS traceCount, count() AS spanCount, sum(is_error) AS errorCount,
      sum(input_tokens + output_tokens) AS totalTokens, toUnixTimestamp64Nano(min(start_time)) AS firstSeen,
      toUnixTimestamp64Nano(max(start_time)) AS lastSeen, ${subject.ofSpans}`,
  };
}

function searchToSql({ id }: Subject, { search }: ActivityQuery, params: BoundParams): string {
  if (!search) return '';
  return `AND positionCaseInsensitiveUTF8(${id}, ${params.bind(search, 'String')}) > 0`;
}

function belowCursor({ id }: Subject, last: string, { cursor }: ActivityQuery, params: BoundParams): string {
  if (!cursor) return '';
  const [time = '', lastId = ''] = decodeCursor(cursor, [nanosShape, idShape]);
  return `HAVING (max(${last}), ${id}) < (${params.time(time)}, ${params.bind(lastId, 'String')})`;
}

function spanTimes(rows: readonly StoredRow[]): { from: string; to: string } {
  const times = (name: string) =>
    rows.map((row) => BigInt(String(row[name]))).sort((left, right) => (left < right ? -1 : 1));
  return { from: String(times('firstSeen').at(0) ?? 0n), to: String(times('lastSeen').at(-1) ?? 0n) };
}

function readActivity(row: StoredRow) {
  return {
    traces: Number(row['traceCount']),
    spans: Number(row['spanCount']),
    errors: Number(row['errorCount']),
    totalTokens: Number(row['totalTokens']),
    ...readCosts(row['costs'] as StoredRow | undefined),
    firstSeen: String(row['firstSeen']),
    lastSeen: String(row['lastSeen']),
  };
}
