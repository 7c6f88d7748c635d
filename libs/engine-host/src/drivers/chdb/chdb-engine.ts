import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RawInsertFormat, Session, type SessionOptions } from 'chdb';
import { forgetCutInserts } from './deduplication-logs.ts';
import { quote, type Statement } from './statement.ts';

export interface ChdbLimits {
  /** Statements that run at one time. */
  readonly concurrencyMax: number;
  /** Statements that wait; one more is turned away. */
  readonly queueMax: number;
  /** Longest run of a statement, seconds; a shorter `max_execution_time` of the call wins. */
  readonly executionSecondsMax: number;
  /** Memory of one statement, bytes. */
  readonly statementBytesMax: number;
  /** Bytes of one result: results are held in memory. */
  readonly resultBytesMax: number;
}

export interface ChdbResult {
  readonly bytes: Uint8Array;
  readonly writtenRows: number;
  readonly elapsedNanos: number;
}

const serverConfig = `<clickhouse>
  <mark_cache_size>67108864</mark_cache_size>
  <index_mark_cache_size>33554432</index_mark_cache_size>
  <index_uncompressed_cache_size>0</index_uncompressed_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <mmap_cache_size>0</mmap_cache_size>
  <background_pool_size>2</background_pool_size>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <merge_tree>
    <old_parts_lifetime>30</old_parts_lifetime>
    <cleanup_delay_period>10</cleanup_delay_period>
    <cleanup_delay_period_random_add>2</cleanup_delay_period_random_add>
    <max_cleanup_delay_period>10</max_cleanup_delay_period>
  </merge_tree>
</clickhouse>
`;

/**
 * The engine on one directory. Each statement gets a session of its own: settings and parameters of one call can not
 * reach another. One more session stays open and keeps the engine running.
 */
export class ChdbEngine {
  readonly #directory: string;
  readonly #limits: ChdbLimits;
  readonly #root: Session;

  private constructor(directory: string, limits: ChdbLimits, root: Session) {
    this.#directory = directory;
    this.#limits = limits;
    this.#root = root;
  }

  static async open(directory: string, limits: ChdbLimits): Promise<ChdbEngine> {
    const configFile = join(directory, 'engine.xml');
    await writeFile(configFile, serverConfig, { mode: 0o600 });
    const options: SessionOptions = { connectionArgs: [`--config-file=${configFile}`] };
    const data = join(directory, 'data');
    await forgetCutInserts(data);
    const engine = new ChdbEngine(directory, limits, new Session(data, options));
    await engine.#root.queryAsync('CREATE DATABASE IF NOT EXISTS loom');
    return engine;
  }

  /** Runs one statement. An abort stops a query within about 100 ms; a running insert is always finished. */
  async run(statement: Statement, rows: Buffer, signal: AbortSignal): Promise<ChdbResult> {
    const session = new Session(join(this.#directory, 'data'));
    try {
      if (statement.database !== null) await session.queryAsync(`USE ${identifier(statement.database)}`);
      await session.queryAsync(this.#defaults());
      if (statement.assignments !== null) await session.queryAsync(statement.assignments);
      return statement.insert
        ? await insertRows(session, statement.insert, rows)
        : await this.#query(session, statement, signal);
    } finally {
      session.close();
    }
  }

  close(): void {
    this.#root.close();
  }

  async #query(session: Session, statement: Statement, signal: AbortSignal): Promise<ChdbResult> {
    const tag = `loom-${randomUUID()}`;
    const cancel = () => void this.#cancel(tag);
    signal.addEventListener('abort', cancel, { once: true });
    try {
      signal.throwIfAborted();
      const started = process.hrtime.bigint();
      const result = await session.queryAsync(`/*${tag}*/ ${statement.sql}`, { format: statement.format });
      return {
        bytes: result.bytes(),
        writtenRows: 0,
        elapsedNanos: Number(process.hrtime.bigint() - started),
      };
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  /** ASYNC, because SYNC waits for ever inside one process. A statement that has just ended is no error. */
  async #cancel(tag: string): Promise<void> {
    const session = new Session(join(this.#directory, 'data'));
    try {
      await session.queryAsync(`KILL QUERY WHERE query LIKE ${quote(`/*${tag}*/%`)} ASYNC`);
    } catch {
      // The time limit of the statement ends it.
    } finally {
      session.close();
    }
  }

  #defaults(): string {
    const { executionSecondsMax, statementBytesMax, resultBytesMax } = this.#limits;
    return (
      `SET max_execution_time=${executionSecondsMax}, max_memory_usage=${statementBytesMax}, ` +
      `max_result_bytes=${resultBytesMax}, result_overflow_mode='throw', max_threads=4, ` +
      'output_format_json_quote_64bit_integers=1, output_format_json_quote_decimals=1'
    );
  }
}

async function insertRows(
  session: Session,
  insert: NonNullable<Statement['insert']>,
  rows: Buffer,
): Promise<ChdbResult> {
  const started = process.hrtime.bigint();
  const summary = await session.insert({
    table: insert.table,
    values: rows,
    format: insert.format as RawInsertFormat, // checked by the binding, which refuses what it does not know
    ...(insert.columns.length > 0 && { columns: insert.columns }),
  });
  const elapsedNanos = Number(process.hrtime.bigint() - started);
  return { bytes: new Uint8Array(), writtenRows: summary.rowsSent ?? summary.rowsWritten, elapsedNanos };
}

function identifier(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}
