import { join } from 'node:path';
import { type RealServer, startKafka, startPostgres, startRedis } from '@loom/testkit/servers';
import type { ServersConfig } from './config.ts';

/** Where the servers are, and those of them that were started here, by name. */
export interface ServerUrls {
  readonly eventStream: URL;
  readonly controlStore: URL;
  readonly counters: URL;
  readonly started: ReadonlyMap<string, RealServer>;
}

/** Starts each server that has no URL, on free ports of loopback, with its data under the home. */
export async function startServers(config: ServersConfig): Promise<ServerUrls> {
  const started = new Map<string, RealServer>();
  const urlOf = async (
    name: string,
    given: URL | undefined,
    start: (options: { directory: string }) => Promise<RealServer>,
  ): Promise<URL> => {
    if (given) return given;
    const server = await start({ directory: join(config.LOOM_HOME, name) });
    started.set(name, server);
    return server.url;
  };
  const [eventStream, controlStore, counters] = await Promise.all([
    urlOf('kafka', config.LOOM_EVENT_STREAM_URL, startKafka),
    urlOf('postgres', config.LOOM_CONTROL_STORE_URL, startPostgres),
    urlOf('redis', config.LOOM_COUNTERS_URL, startRedis),
  ]);
  return { eventStream, controlStore, counters, started };
}
