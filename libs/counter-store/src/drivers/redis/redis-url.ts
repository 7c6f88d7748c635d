import { LoomError } from '@loom/errors';
import type { RedisOptions } from 'ioredis';
import { waitMsDefault } from '../../counter-store.ts';

const portDefault = 6379;

export interface RedisPlace {
  readonly options: Pick<RedisOptions, 'host' | 'port' | 'username' | 'password' | 'db' | 'tls'>;
  /** The URL without its password, for messages. */
  readonly redactedUrl: string;
  /** A request that takes longer is rejected. Milliseconds. */
  readonly waitMs: number;
}

/** Parses `redis[s]://[user:password@]host[:6379][/0][?wait=50]`. Throws `config_invalid`, which names the part at fault. */
export function parseRedisUrl(url: URL): RedisPlace {
  const user = url.username === '' ? '' : `${url.username}@`;
  const redactedUrl = `${url.protocol}//${user}${url.host}${url.pathname}`;
  const fail = (what: string) => new LoomError('config_invalid', `counter store ${redactedUrl}: ${what}`);
  if (url.hostname === '') throw fail('the host is missing; expected redis://host:6379/0');
  const { wait = String(waitMsDefault), ...unknown } = Object.fromEntries(url.searchParams);
  const [parameter] = Object.keys(unknown);
  if (parameter !== undefined) throw fail(`the parameter "${parameter}" is not known; there is one, "wait"`);
  if (!/^[1-9]\d{0,4}$/.test(wait))
    throw fail(`wait=${wait} is not a whole number of milliseconds from 1 to 99999`);
  const database = /^\/?(\d{0,4})$/.exec(url.pathname)?.[1];
  if (database === undefined)
    throw fail(`the database ${url.pathname} is not a number; expected redis://host:6379/0`);
  return {
    redactedUrl,
    waitMs: Number(wait),
    options: {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? portDefault : Number(url.port),
      ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
      ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
      db: Number(database),
      ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
    },
  };
}
