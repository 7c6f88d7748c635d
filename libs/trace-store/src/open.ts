import { LoomError } from '@loom/errors';
import type { TraceStore } from './trace-store.ts';

const drivers: Record<string, () => Promise<(url: URL) => Promise<TraceStore>>> = {
  'http:': loadClickHouse,
  'https:': loadClickHouse,
};

async function loadClickHouse(): Promise<(url: URL) => Promise<TraceStore>> {
  return (await import('./drivers/clickhouse/clickhouse-trace-store.ts')).openClickHouseTraceStore;
}

/** Connects, brings the schema forward and verifies; or throws with the place and the remedy, without the password. */
export async function openTraceStore(url: URL): Promise<TraceStore> {
  const load = drivers[url.protocol];
  if (!load) {
    const known = Object.keys(drivers).join(' ');
    throw new LoomError('config_invalid', `trace store: unknown scheme ${url.protocol}; known: ${known}`);
  }
  const open = await load();
  return open(url);
}
