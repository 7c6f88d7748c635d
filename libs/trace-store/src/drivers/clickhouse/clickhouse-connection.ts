import {
  ClickHouseError,
  type ClickHouseClient,
  ClickHouseLogLevel,
  type ClickHouseSettings,
  createClient,
} from '@clickhouse/client';
import { LoomError, messageOf } from '@loom/errors';
import { FairTurns } from '../../fair-turns.ts';
import { type ReadScope, readScope } from '../../read-scope.ts';
import type { BoundParams } from './bound-params.ts';
import type { StoredRow, StoredValues } from './row-codec.ts';

export interface ConnectionLimits {
  readonly connectionsMax: number;
  /** Reads of all organizations that run at one time, and of one: the rest of the engine is for writes. */
  readonly readsMax: number;
  readonly readsOfOwnerMax: number;
  /** Reads of one organization that wait. */
  readonly waitingOfOwnerMax: number;
  /** Threads of one read in the engine: of two readers none should have all processors. */
  readonly readThreadsMax: number;
  /** A read is given up by the engine after so long. Seconds. */
  readonly readSecondsMax: number;
  /** Memory of one read in the engine, and bytes and rows of its result, which this process holds. */
  readonly readBytesMax: number;
  readonly resultBytesMax: number;
  readonly resultRowsMax: number;
  /** A write is given up by the client after so long; it may still happen. Milliseconds. */
  readonly writeMsMax: number;
}

const readSettings = (limits: ConnectionLimits): ClickHouseSettings => ({
  max_execution_time: limits.readSecondsMax,
  max_threads: limits.readThreadsMax,
  max_memory_usage: String(limits.readBytesMax),
  max_result_bytes: String(limits.resultBytesMax),
  max_result_rows: String(limits.resultRowsMax),
  result_overflow_mode: 'throw',
  cancel_http_readonly_queries_on_client_close: 1,
  output_format_json_quote_64bit_integers: 1,
  output_format_json_quote_decimals: 1,
  prefer_column_name_to_alias: 1, // `toUnixTimestamp64Nano(time) AS time` must not be what WHERE compares
  max_bytes_before_external_group_by: '1000000000',
});

/** One insert is one block in one part a partition: its token then covers all its rows. */
const insertSettings: ClickHouseSettings = {
  async_insert: 0,
  insert_deduplicate: 1,
  deduplicate_blocks_in_dependent_materialized_views: 1,
  input_format_parallel_parsing: 0,
  min_insert_block_size_rows: '1048449',
  min_insert_block_size_bytes: '1073741824',
};

/** What names an end user is in no log of the server. */
export const unlogged: ClickHouseSettings = { log_queries: 0 };

const mutationSettings: ClickHouseSettings = {
  mutations_sync: '2',
  max_execution_time: 3600, // rewriting parts takes longer than a read may
  allow_nondeterministic_mutations: 1, // a replicated table takes a subquery for that
  ...unlogged,
};

/** A store that takes the connection and says nothing is as good as none. Milliseconds. */
const pingMs = 10_000;

/** ClickHouse's own client with the settings that the store's promises hang on, and errors of the table. */
export class ClickHouseConnection {
  readonly #client: ClickHouseClient;
  readonly #settings: ClickHouseSettings;
  readonly #turns: FairTurns;

  constructor(url: URL, limits: ConnectionLimits) {
    this.#settings = readSettings(limits);
    this.#turns = new FairTurns({
      runningMax: limits.readsMax,
      runningOfOwnerMax: limits.readsOfOwnerMax,
      waitingOfOwnerMax: limits.waitingOfOwnerMax,
    });
    this.#client = createClient({
      url,
      application: 'loom',
      max_open_connections: limits.connectionsMax,
      request_timeout: Math.max(limits.writeMsMax, limits.readSecondsMax * 1000 + 5000),
      log: { level: ClickHouseLogLevel.OFF },
      compression: { request: false, response: false },
    });
  }

  async ping(): Promise<void> {
    const signal = AbortSignal.timeout(pingMs);
    const result = await this.#client.ping({ select: true, abort_signal: signal });
    if (result.success) return;
    if (!signal.aborted) throw asLoomError(result.error);
    throw new LoomError('unavailable', `the trace store did not answer within ${pingMs} ms`);
  }

  /** Reads rows, in the turn of the running work's {@link ReadScope}, which also ends the read. */
  select(query: string, params?: BoundParams, settings: ClickHouseSettings = {}): Promise<StoredRow[]> {
    const scope = readScope();
    const read = () => this.#select(query, params, settings, scope);
    return scope ? this.#turns.pass(scope.owner, scope.signal, read) : read();
  }

  async #select(
    query: string,
    params: BoundParams | undefined,
    settings: ClickHouseSettings,
    scope: ReadScope | null,
    isAgain = false,
  ): Promise<StoredRow[]> {
    try {
      const result = await this.#client.query({
        query,
        query_params: params?.values ?? {},
        format: 'JSONCompactEachRowWithNames', // names once, not in each of thousands of rows
        clickhouse_settings: { ...this.#settings, ...settings },
        ...(scope && { abort_signal: scope.signal }),
      });
      const [names = [], ...rows] = await result.json<unknown[]>();
      return rows.map((values) => namedRow(names as string[], values));
    } catch (error) {
      scope?.signal.throwIfAborted();
      if (!isAgain && isBrokenConnection(error)) return this.#select(query, params, settings, scope, true);
      throw asReadError(error);
    }
  }

  async command(query: string): Promise<void> {
    try {
      await this.#client.command({ query });
    } catch (error) {
      throw asLoomError(error);
    }
  }

  /** A change of parts; resolves when all of them are rewritten, on every replica. */
  async mutate(query: string, params: BoundParams): Promise<void> {
    try {
      await this.#client.command({
        query,
        query_params: params.values,
        clickhouse_settings: mutationSettings,
      });
    } catch (error) {
      throw asLoomError(error);
    }
  }

  /** Inserts rows under a token: the same token again changes nothing. */
  async insert(table: string, columns: string[], rows: StoredValues[], token: string): Promise<void> {
    if (rows.length === 0) return;
    try {
      await this.#client.insert({
        table,
        columns: columns as [string, ...string[]],
        values: rows,
        format: 'JSONCompactEachRow',
        clickhouse_settings: { ...insertSettings, insert_deduplication_token: token },
      });
    } catch (error) {
      throw asLoomError(error);
    }
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

function namedRow(names: readonly string[], values: readonly unknown[]): StoredRow {
  const row: StoredRow = {};
  for (const [place, name] of names.entries()) row[name] = values[place];
  return row;
}

const overloadedCodes = new Set(['202', '241', '252']); // too many queries, memory limit, too many parts
const tooLargeCodes = new Set(['241', '158', '307', '396']); // memory limit; too many rows or bytes

/** A server may close an idle connection at the moment in which it is used again: a read is simply sent once more. */
function isBrokenConnection(error: unknown): boolean {
  const { code } = Object(error) as { readonly code?: unknown };
  return code === 'ECONNRESET' || code === 'EPIPE';
}

function asReadError(error: unknown): LoomError {
  if (!(error instanceof ClickHouseError) || !tooLargeCodes.has(error.code)) return asLoomError(error);
  const message =
    'this read needs more than one read may take; choose a shorter time range or a narrower filter';
  return new LoomError('payload_too_large', message, { cause: error });
}

function asLoomError(error: unknown): LoomError {
  const text = `trace store: ${messageOf(error)}`;
  if (!(error instanceof ClickHouseError)) return new LoomError('unavailable', text, { cause: error });
  if (overloadedCodes.has(error.code)) {
    return new LoomError('overloaded', text, { cause: error, retryAfterMs: 1000 });
  }
  if (error.code === '159') return new LoomError('upstream_timed_out', text, { cause: error });
  return new LoomError('internal', `${text} (${error.type ?? error.code})`, { cause: error });
}
