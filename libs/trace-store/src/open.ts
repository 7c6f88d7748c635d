import { LoomError } from '@loom/errors';
import type { TraceStore, TraceStoreOptions } from './trace-store.ts';

type OpenTraceStore = (url: URL, options: TraceStoreOptions) => Promise<TraceStore>;

const drivers: Record<string, () => Promise<OpenTraceStore>> = {
  'http:': loadClickHouse,
  'https:': loadClickHouse,
};

async function loadClickHouse(): Promise<OpenTraceStore> {
  return (await import('./drivers/clickhouse/clickhouse-trace-store.ts')).openClickHouseTraceStore;
}

/** Connects and sees to the schema; or throws with the place and the remedy, without the password. */
export async function openTraceStore(url: URL, options: TraceStoreOptions = {}): Promise<TraceStore> {
  const load = drivers[url.protocol];
  if (!load) {
    const known = Object.keys(drivers).join(' ');
    throw new LoomError('config_invalid', `trace store: unknown scheme ${url.protocol}; known: ${known}`);
  }
  const open = await load();
  return open(url, options);
}
