import { availableParallelism } from 'node:os';
import { LoomError, messageOf } from '@loom/errors';
import type { TraceStore, TraceStoreOptions } from '../../trace-store.ts';
import { ActivityReader } from './activity-reader.ts';
import { BatchWriter } from './batch-writer.ts';
import { ClickHouseConnection, type ConnectionLimits } from './clickhouse-connection.ts';
import { Janitor } from './janitor.ts';
import { MatchReader } from './match-reader.ts';
import { MetricsReader } from './metrics-reader.ts';
import { expectSchema, migrate } from './migrate.ts';
import { OutlineReader } from './outline-reader.ts';
import { RowAuditor } from './row-auditor.ts';
import { SpanReader } from './span-reader.ts';
import { TraceListReader } from './trace-reader.ts';

const limits: ConnectionLimits = {
  connectionsMax: 16,
  readsMax: 4,
  readsOfOwnerMax: 2,
  waitingOfOwnerMax: 64,
  readThreadsMax: Math.max(1, Math.ceil(availableParallelism() / 2)),
  readSecondsMax: 30,
  readBytesMax: 1_000_000_000,
  resultBytesMax: 128 * 1024 * 1024,
  resultRowsMax: 1_000_000,
  writeMsMax: 120_000,
};

/**
 * Connects to `http(s)://user:password@host:port/database`, with `?cluster=name` for replicated tables, and brings
 * the schema forward or expects it. The database must exist.
 */
export async function openClickHouseTraceStore(
  url: URL,
  { schema = 'migrate' }: TraceStoreOptions,
): Promise<TraceStore> {
  const server = new URL(url);
  const cluster = server.searchParams.get('cluster');
  server.searchParams.delete('cluster');
  const connection = new ClickHouseConnection(server, limits);
  try {
    await connection.ping();
    await (schema === 'migrate' ? migrate(connection, cluster) : expectSchema(connection));
  } catch (error) {
    await connection.close();
    if (error instanceof LoomError && error.code === 'config_invalid') throw error;
    const where = `${url.protocol}//${url.host}${url.pathname}`;
    throw new LoomError(
      'unavailable',
      `cannot open the trace store at ${where}: ${messageOf(error)}; check that ClickHouse runs there, that the ` +
        'database exists and that user and password are right',
      { cause: error },
    );
  }
  return assemble(connection, cluster);
}

function assemble(connection: ClickHouseConnection, cluster: string | null): TraceStore {
  const writer = new BatchWriter(connection);
  const spans = new SpanReader(connection);
  const traces = new TraceListReader(connection, spans);
  const outlines = new OutlineReader(connection);
  const metrics = new MetricsReader(connection);
  const matches = new MatchReader(connection);
  const activity = new ActivityReader(connection);
  const janitor = new Janitor(connection, cluster);
  const auditor = new RowAuditor(connection);
  return {
    writeBatch: (batch) => writer.writeBatch(batch),
    listSpans: (query) => spans.listSpans(query),
    listTraces: (query) => traces.listTraces(query),
    readTrace: (query) => traces.readTrace(query),
    matchSpans: (query) => spans.matchSpans(query),
    countUnsearched: (query) => traces.countUnsearched(query),
    traceOutline: (query) => outlines.traceOutline(query),
    readSpan: (query) => spans.readSpan(query),
    readPayloads: (query) => spans.readPayloads(query),
    readChunks: (query) => spans.readChunks(query),
    callsInFlight: (query) => spans.callsInFlight(query),
    listCaptureEvents: (query) => spans.listCaptureEvents(query),
    metrics: (query) => metrics.metrics(query),
    summary: (query) => metrics.summary(query),
    overview: (query) => metrics.overview(query),
    listSessions: (query) => activity.listSessions(query),
    listUsers: (query) => activity.listUsers(query),
    facets: (query) => metrics.facets(query),
    readMatches: (query) => matches.readMatches(query),
    reconcile: (query) => metrics.reconcile(query),
    storedRows: (query) => auditor.storedRows(query),
    listEventIds: (query) => auditor.listEventIds(query),
    listStrays: (query) => auditor.listStrays(query),
    findDeviations: (query) => auditor.findDeviations(query),
    countErasable: (selection) => janitor.countErasable(selection),
    erase: (selection) => janitor.erase(selection),
    sweep: (statementsKeptMs) => janitor.sweep(statementsKeptMs),
    ping: () => connection.ping(),
    close: () => connection.close(),
  };
}
