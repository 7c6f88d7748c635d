import type { Matches, MatchQuery } from '../../trace-store.ts';
import { BoundParams } from './bound-params.ts';
import type { ClickHouseConnection } from './clickhouse-connection.ts';
import { figuresOfCosts, readCosts } from './cost-figures.ts';
import { newestCostOfEach } from './newest-cost.ts';
import { boundsToSql, listToSql } from './page.ts';
import { totalTokens } from './row-fields.ts';

/** Counts and adds up the spans that match: what stands above their list. */
export class MatchReader {
  readonly #connection: ClickHouseConnection;

  constructor(connection: ClickHouseConnection) {
    this.#connection = connection;
  }

  async readMatches(query: MatchQuery): Promise<Matches> {
    const [sums, buckets, costs] = await Promise.all([
      this.#read(
        query,
        (where) => `SELECT uniqExact(trace_id) AS traces, count() AS spans, sum(is_error) AS errors,
        sum(${totalTokens}) AS tokens FROM spans WHERE ${where}`,
      ),
      this.#read(
        query,
        (where, { bucketSeconds }) => `SELECT
          intDiv(toUInt64(toUnixTimestamp(start_time)), ${bucketSeconds}) * ${bucketSeconds} AS bucket,
          count() AS spans, sum(is_error) AS errors
        FROM spans WHERE ${where} GROUP BY bucket ORDER BY bucket`,
      ),
      this.#costs(query),
    ]);
    const [sum] = sums;
    return {
      ...readCosts(costs[0]),
      traces: Number(sum?.['traces'] ?? 0),
      spans: Number(sum?.['spans'] ?? 0),
      errors: Number(sum?.['errors'] ?? 0),
      totalTokens: Number(sum?.['tokens'] ?? 0),
      buckets: buckets.map((row) => ({
        bucketStart: `${String(row['bucket'])}000000000`,
        spans: Number(row['spans']),
        errors: Number(row['errors']),
      })),
    };
  }

  #read(query: MatchQuery, statement: (where: string, query: MatchQuery) => string) {
    const params = new BoundParams();
    return this.#connection.select(statement(listToSql(query, params), query), params);
  }

  #costs(query: MatchQuery) {
    const params = new BoundParams();
    const ofMatches = query.filter
      ? `AND span_id IN (SELECT span_id FROM spans WHERE ${listToSql(query, params)})`
      : '';
    return this.#connection.select(
      `SELECT ${figuresOfCosts} FROM (
         SELECT total_usd AS newest_usd, state AS newest_state, reason AS newest_reason FROM costs
         WHERE ${boundsToSql(query, params)} ${ofMatches} ${newestCostOfEach}
       )`,
      params,
    );
  }
}
