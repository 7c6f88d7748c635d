import { LoomError, messageOf } from '@loom/errors';
import type { CounterStore } from './counter-store.ts';

type OpenCounterStore = (url: URL) => Promise<CounterStore>;

const openRedis = () =>
  import('./drivers/redis/redis-counter-store.ts').then((module) => module.openRedisCounterStore);

const drivers = {
  'memory:': () =>
    import('./drivers/memory/memory-counter-store.ts').then((module) => module.openMemoryCounterStore),
  'redis:': openRedis,
  'rediss:': openRedis,
} satisfies Record<string, () => Promise<OpenCounterStore>>;

/**
 * Connects to the counter store of `url` (`memory:`, `redis://[user:password@]host:6379/0`, `rediss:` with TLS) and
 * makes sure that it may be written. Throws `config_invalid` for what no waiting mends (the URL, credentials, rights),
 * `unavailable` when it cannot be reached; both tell the place without the password, the cause and the remedy.
 * An opened store connects again by itself, for as long as it takes.
 */
export async function openCounterStore(url: URL): Promise<CounterStore> {
  const load = drivers[url.protocol as keyof typeof drivers] as (() => Promise<OpenCounterStore>) | undefined;
  if (!load) {
    throw new LoomError(
      'config_invalid',
      `counter store: unknown scheme ${url.protocol}; known: ${Object.keys(drivers).join(' ')}`,
    );
  }
  let open: OpenCounterStore;
  try {
    open = await load();
  } catch (cause) {
    throw new LoomError(
      'config_invalid',
      `counter store: the driver for ${url.protocol} cannot be loaded (${messageOf(cause)}); run the install again`,
      { cause },
    );
  }
  return open(url);
}
